/**
 * Owns: one line of progress on a terminal's standard error, for what lasts over a second: how
 * many, how fast, how long to go. Silent without a terminal and with --output json.
 */
import { showCount, showTime } from "./figures.js"
import type { Terminal } from "./Terminal.js"

const firstAfterMs = 1_000
const everyMs = 200

export interface ProgressOptions {
  readonly label: string
  readonly isOn: boolean
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
  /** How a count is written. Default: as a number. */
  readonly show?: (count: number) => string
}

export class Progress {
  #done = 0
  #shownMs: number
  #isShown = false
  readonly #startedMs: number

  constructor(
    private readonly terminal: Pick<Terminal, "columns" | "err">,
    private readonly options: ProgressOptions,
  ) {
    this.#startedMs = options.nowMs()
    this.#shownMs = this.#startedMs + firstAfterMs - everyMs
  }

  /**
   * Counts `count` more. `part` is how much of the whole is done, from 0 to 1, where that is known.
   * Cheap: it may be called for each batch.
   */
  step(count: number, part?: number): void {
    this.#done += count
    if (!this.options.isOn) return
    const nowMs = this.options.nowMs()
    if (nowMs - this.#shownMs < everyMs) return
    this.#shownMs = nowMs
    this.#isShown = true
    this.terminal.err(`\r\x1b[K${this.#line(nowMs, part).slice(0, this.terminal.columns - 1)}`)
  }

  /** Takes the line away. Again: nothing. */
  end(): void {
    if (this.#isShown) this.terminal.err("\r\x1b[K")
    this.#isShown = false
  }

  #line(nowMs: number, part: number | undefined): string {
    const elapsedMs = Math.max(1, nowMs - this.#startedMs)
    const { label, show = showCount } = this.options
    const speed = `${show(Math.round((this.#done * 1000) / elapsedMs))}/s`
    const counted = `${label} ${show(this.#done)}`
    if (part === undefined || part <= 0) return `${counted}  ${speed}`
    const left = showTime((elapsedMs * (1 - part)) / part)
    return `${counted}  ${Math.floor(100 * part)}%  ${speed}  ${left} to go`
  }
}
