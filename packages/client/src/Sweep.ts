/**
 * Owns: one timer for many deadlines: it runs when the earliest may be over.
 * Must not know: what has a deadline, or what becomes of it.
 */
import type { Clock } from "@skein/model"
import { ignore } from "./Deferred.js"

export class Sweep {
  readonly #clock: Clock
  readonly #run: (nowMs: number) => number
  #atMs = Number.POSITIVE_INFINITY
  #cancel: () => void = ignore

  /** `run` ends what is over by `nowMs` (monotonic) and answers the next deadline, or Infinity. */
  constructor(clock: Clock, run: (nowMs: number) => number) {
    this.#clock = clock
    this.#run = run
  }

  /** Something has this deadline. Called per message: cheap unless it is the earliest. */
  watch(deadlineMs: number): void {
    if (deadlineMs >= this.#atMs) return
    this.#cancel()
    this.#atMs = deadlineMs
    const delayMs = Math.max(0, deadlineMs - this.#clock.monotonicMs())
    this.#cancel = this.#clock.setTimer(delayMs, () => {
      this.#atMs = Number.POSITIVE_INFINITY
      this.#cancel = ignore
      this.watch(this.#run(this.#clock.monotonicMs()))
    })
  }

  stop(): void {
    this.#cancel()
    this.#cancel = ignore
    this.#atMs = Number.POSITIVE_INFINITY
  }
}
