/** Owns: how a client says that deliveries ended. */
import type { Epoch, Outcome, Sequence } from "@skein/model"

/** Deliveries of one epoch and attempt that ended alike. */
export interface Settle {
  readonly outcome: Outcome
  readonly epoch: Epoch
  readonly attempt: number
  /** Pairs `first, last` (inclusive), ascending, not overlapping. */
  readonly ranges: readonly Sequence[]
}
