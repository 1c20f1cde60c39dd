/**
 * Owns: how the process of a node, or of several, ends. The first signal stops it in order, even
 * while it starts; a watchdog ends a stop that hangs; a second signal ends it at once.
 * Interleaving to know: wrappers (npm, a shell's process group) deliver one Ctrl-C twice, so what
 * follows the first signal within 250 ms is the same signal.
 */
import type { Clock } from "@skein/model"

export const stopWithinMs = 5_000
export const sameSignalMs = 250

export type StopSignal = "SIGINT" | "SIGTERM"

const signals: readonly StopSignal[] = ["SIGINT", "SIGTERM"]
const numberOf: Readonly<Record<StopSignal, number>> = { SIGINT: 2, SIGTERM: 15 }

export interface ShutdownParts {
  readonly clock: Clock
  readonly on: (signal: StopSignal, run: () => void) => void
  /** Ends the process at once. */
  readonly exit: (code: number) => void
  readonly say: (text: string) => void
  /** How long a stop may take. Default 5,000 ms. */
  readonly stopWithinMs?: number
}

export class Shutdown {
  /** Resolves with the first signal. */
  readonly requested: Promise<StopSignal>
  #firstMs: number | undefined
  #unwatch: (() => void) | undefined
  #request: (signal: StopSignal) => void = () => {}

  constructor(private readonly parts: ShutdownParts) {
    this.requested = new Promise((resolve) => {
      this.#request = resolve
    })
    for (const signal of signals) parts.on(signal, () => this.#signalled(signal))
  }

  /** A signal has come: what was still starting is not wanted any more. */
  get isRequested(): boolean {
    return this.#firstMs !== undefined
  }

  /** Starts the watchdog of a stop, if no signal has; the answer takes it off. */
  watch(): () => void {
    const { clock, exit, say, stopWithinMs: withinMs = stopWithinMs } = this.parts
    this.#unwatch ??= clock.setTimer(withinMs, () => {
      say(`no stop within ${withinMs} ms: ended at once; what was confirmed is safe`)
      exit(1)
    })
    return this.#unwatch
  }

  #signalled(signal: StopSignal): void {
    const nowMs = this.parts.clock.monotonicMs()
    if (this.#firstMs === undefined) {
      this.#firstMs = nowMs
      // From here, not from when somebody heeds it: a start may hang as well as a stop.
      this.watch()
      this.#request(signal)
    } else if (nowMs - this.#firstMs > sameSignalMs) {
      this.parts.say(`${signal} again: ended at once; what was confirmed is safe`)
      this.parts.exit(128 + numberOf[signal])
    }
  }
}
