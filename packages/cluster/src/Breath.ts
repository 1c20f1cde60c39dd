/** Owns: pauses in which the event loop turns, while replay works for long. */
import { type Clock, limits } from "@skein/model"

/** Counts from when it was made, or from the last pause. */
export class Breath {
  private sinceMs: number

  constructor(private readonly clock: Clock) {
    this.sinceMs = clock.monotonicMs()
  }

  async taken(): Promise<void> {
    if (this.clock.monotonicMs() - this.sinceMs < limits.batchWorkMaxMs) return
    await new Promise<void>((resume) => this.clock.defer(resume))
    this.sinceMs = this.clock.monotonicMs()
  }
}
