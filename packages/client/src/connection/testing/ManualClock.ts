/** Owns: a clock that stands still until a test moves it. */
import { type Clock, invariant } from "@skein/model"

export class ManualClock implements Clock {
  #nowMs = 0
  #timers: { readonly dueMs: number; readonly run: () => void }[] = []

  readonly wallMs = (): number => this.#nowMs
  readonly monotonicMs = (): number => this.#nowMs
  readonly setTimer = (delayMs: number, run: () => void): (() => void) => {
    const timer = { dueMs: this.#nowMs + delayMs, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }
  readonly defer = (run: () => void): void => {
    setImmediate(run)
  }

  get timers(): number {
    return this.#timers.length
  }

  /** Runs what comes due on the way, in order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms
    for (let ran = 0; ; ran++) {
      invariant(ran < 10_000, "a timer that sets itself anew at once would never let the clock go")
      const due = this.#timers
        .filter((timer) => timer.dueMs <= endMs)
        .sort((a, b) => a.dueMs - b.dueMs)[0]
      if (due === undefined) break
      this.#timers = this.#timers.filter((timer) => timer !== due)
      this.#nowMs = Math.max(this.#nowMs, due.dueMs)
      due.run()
    }
    this.#nowMs = endMs
  }
}
