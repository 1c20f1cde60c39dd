/**
 * Owns: pauses in a long replay, so that timers and I/O of the node's other shards come in between:
 * after each `limits.batchWorkMaxMs` of work the event loop gets its turn.
 */
import { type Clock, limits } from "@skein/model"

export class Breath {
  private sinceMs: number

  constructor(private readonly clock: Pick<Clock, "defer" | "monotonicMs">) {
    this.sinceMs = clock.monotonicMs()
  }

  /** To be awaited after each piece of work; at once when it has not worked for long. */
  async taken(): Promise<void> {
    if (this.clock.monotonicMs() - this.sinceMs < limits.batchWorkMaxMs) return
    await new Promise<void>((resume) => this.clock.defer(resume))
    this.sinceMs = this.clock.monotonicMs()
  }
}
