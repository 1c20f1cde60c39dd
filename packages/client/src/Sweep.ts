/**
 * Owns: one timer for many deadlines: it runs when the earliest may be over.
 * Must not know: what has a deadline, or what becomes of it.
 */
import type { Clock } from "@skein/model"
import { ignore } from "./Deferred.js"

/** Whether a deadline is over; if not, it is asked about again when it is. */
export type IsOver = (deadlineMs: number) => boolean

export class Sweep {
  readonly #clock: Clock
  readonly #run: (isOver: IsOver) => void
  #atMs = Number.POSITIVE_INFINITY
  #cancel: () => void = ignore

  /** `run` asks about every deadline that is left (monotonic), and ends what is over. */
  constructor(clock: Clock, run: (isOver: IsOver) => void) {
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
      const nowMs = this.#clock.monotonicMs()
      let nextMs = Number.POSITIVE_INFINITY
      this.#run((deadline) => {
        if (deadline > nowMs && deadline < nextMs) nextMs = deadline
        return deadline <= nowMs
      })
      this.watch(nextMs)
    })
  }

  stop(): void {
    this.#cancel()
    this.#cancel = ignore
    this.#atMs = Number.POSITIVE_INFINITY
  }
}
