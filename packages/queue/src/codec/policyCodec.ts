/**
 * Owns: the stored form of a policy: `[leaseMs, dedupWindowMs, messagesMax, bytesMax,
 * bodyBytesMax]`.
 */
import type { QueuePolicy } from "@skein/model"
import type { Fields } from "./tuples.js"

export const packPolicy = (policy: QueuePolicy): readonly unknown[] => [
  policy.leaseMs,
  policy.dedupWindowMs,
  policy.messagesMax,
  policy.bytesMax,
  policy.bodyBytesMax,
]

/** Bounds were checked when the queue was declared; limits may have changed since. */
export const readPolicy = (fields: Fields): QueuePolicy => ({
  leaseMs: fields.count("leaseMs"),
  dedupWindowMs: fields.count("dedupWindowMs"),
  messagesMax: fields.count("messagesMax"),
  bytesMax: fields.count("bytesMax"),
  bodyBytesMax: fields.count("bodyBytesMax"),
})
