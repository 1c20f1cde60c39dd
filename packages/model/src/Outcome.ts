/** Owns: how a delivery can end at the consumer's word. */

/**
 * `ack`: processed, the message is gone. `return`: asked for, back to its place, counts as
 * returned.
 * `fail`: the handler failed, back to its place, counts as failed. `reject`: never again; deleted
 * and counted until dead letters exist.
 */
export type Outcome = "ack" | "return" | "fail" | "reject"

/** Index = the number that stands for it on the wire and in the journal. Append only. */
export const outcomes: readonly Outcome[] = ["ack", "return", "fail", "reject"]
