/**
 * Owns: a clock that moves only when a test says so. Wall and monotonic time move together by
 * {@link ManualClock.advance}; {@link ManualClock.jumpWall} steps the wall clock alone.
 */
import type { Clock } from "@skein/model"
import { invariant } from "@skein/model"

interface Timer {
  readonly dueMs: number
  readonly order: number
  readonly run: () => void
}

export class ManualClock implements Clock {
  #wallMs: number
  #monotonicMs = 0
  #order = 0
  #timers: Timer[] = []

  constructor(wallMs = 1_700_000_000_000) {
    this.#wallMs = wallMs
  }

  readonly wallMs = (): number => this.#wallMs
  readonly monotonicMs = (): number => this.#monotonicMs

  readonly setTimer = (delayMs: number, run: () => void): (() => void) => {
    const dueMs = this.#monotonicMs + Math.max(0, delayMs)
    const timer: Timer = { dueMs, order: this.#order++, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Deferred work runs on a microtask: tests need no turn of the real event loop. */
  readonly defer = (run: () => void): void => {
    queueMicrotask(run)
  }

  /** How many timers are armed. */
  get timers(): number {
    return this.#timers.length
  }

  /** Moves time on and runs what falls due, in order of due time. */
  advance(ms: number): void {
    invariant(ms >= 0, "time does not go back")
    const end = this.#monotonicMs + ms
    for (;;) {
      const next = this.#next(end)
      if (next === undefined) break
      this.#timers = this.#timers.filter((other) => other !== next)
      this.#moveTo(Math.max(next.dueMs, this.#monotonicMs))
      next.run()
    }
    this.#moveTo(end)
  }

  /** A step of the wall clock (NTP, an operator): monotonic time does not see it. */
  jumpWall(ms: number): void {
    this.#wallMs += ms
  }

  #moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs
    this.#monotonicMs = monotonicMs
  }

  #next(endMs: number): Timer | undefined {
    let best: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs > endMs) continue
      const sooner =
        best === undefined ||
        timer.dueMs < best.dueMs ||
        (timer.dueMs === best.dueMs && timer.order < best.order)
      if (sooner) best = timer
    }
    return best
  }
}
