/** Owns: a clock that moves only when a test says so, and seeded randomness. */
import type { Clock, Random } from "@skein/model"
import { type Runtime, systemRuntime } from "../Runtime.js"

interface Timer {
  readonly atMs: number
  readonly run: () => void
}

export class TestClock implements Clock {
  #nowMs = 1_000
  readonly #timers = new Set<Timer>()

  wallMs = (): number => 1_700_000_000_000 + this.#nowMs
  monotonicMs = (): number => this.#nowMs

  setTimer = (delayMs: number, run: () => void): (() => void) => {
    const timer = { atMs: this.#nowMs + delayMs, run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  defer = (run: () => void): void => {
    setImmediate(run)
  }

  get timers(): number {
    return this.#timers.size
  }

  /** Runs what is due in the next `ms`, in its order, with all continuations in between. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await settleAll()
    while (true) {
      let next: Timer | undefined
      for (const timer of this.#timers) {
        if (timer.atMs <= endMs && (next === undefined || timer.atMs < next.atMs)) next = timer
      }
      if (next === undefined) break
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.run()
      await settleAll()
    }
    this.#nowMs = endMs
  }

  /** Moves on in steps until `done` or `ms` are over; answers whether it was done. */
  async advanceUntil(done: () => boolean, ms: number, stepMs = 25): Promise<boolean> {
    for (let passed = 0; passed < ms && !done(); passed += stepMs) await this.advance(stepMs)
    await settleAll()
    return done()
  }
}

/** Lets every promise continuation and tick that is due run: a turn of the loop, no time. */
export const settleAll = (): Promise<void> =>
  new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

/** The same seed gives the same bytes (xorshift32). */
const seededRandom = (seed: number): Random => {
  let state = seed | 0 || 1
  return {
    bytes: (count) => {
      const out = new Uint8Array(count)
      for (let at = 0; at < count; at++) {
        state ^= state << 13
        state ^= state >>> 17
        state ^= state << 5
        out[at] = state & 0xff
      }
      return out
    },
  }
}

export const testRuntime = (clock: TestClock, seed = 1): Runtime => ({
  clock,
  random: seededRandom(seed),
  endOfTick: systemRuntime.endOfTick,
})
