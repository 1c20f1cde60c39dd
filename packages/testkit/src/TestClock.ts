/**
 * Owns: time that moves only when a test says so, for node and client together. Between two timers
 * everything that they set off runs to its end, as in real time.
 */
import { type Clock, invariant } from "@skein/model"

interface Timer {
  readonly dueMs: number
  readonly order: number
  readonly run: () => void
}

/** Turns of the event loop without deferred work after which nothing moves any more. */
const quietTurns = 3

export class TestClock implements Clock {
  #nowMs = 0
  #order = 0
  #deferred = 0
  readonly #startMs: number
  readonly #timers = new Set<Timer>()

  /** `wallMs`: what the wall clock shows at first. */
  constructor(wallMs = 1_700_000_000_000) {
    this.#startMs = wallMs
  }

  readonly wallMs = (): number => this.#startMs + this.#nowMs
  readonly monotonicMs = (): number => this.#nowMs

  readonly setTimer = (delayMs: number, run: () => void): (() => void) => {
    const dueMs = this.#nowMs + Math.max(0, delayMs)
    const timer = { dueMs, order: this.#order++, run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  readonly defer = (run: () => void): void => {
    this.#deferred += 1
    setImmediate(() => {
      this.#deferred -= 1
      run()
    })
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size
  }

  /** Moves time on by `ms`, timer by timer; each has had its whole effect before the next. */
  async advance(ms: number): Promise<void> {
    invariant(ms >= 0, "time does not go back")
    const endMs = this.#nowMs + ms
    await this.settle()
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.run()
      await this.settle()
    }
    this.#nowMs = endMs
  }

  /** Until nothing moves any more without time. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < quietTurns; quiet++) {
      await new Promise<void>((resume) => setImmediate(resume))
      if (this.#deferred > 0) quiet = -1
    }
  }

  #next(endMs: number): Timer | undefined {
    let best: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs > endMs) continue
      const later =
        best !== undefined &&
        (timer.dueMs > best.dueMs || (timer.dueMs === best.dueMs && timer.order > best.order))
      if (!later) best = timer
    }
    return best
  }
}
