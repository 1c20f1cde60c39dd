/**
 * Owns: the settings of a queue, their bounds and defaults. Given at declare, kept in the catalog.
 */
import { Schema } from "effect"
import { limits } from "./limits.js"

const between = (low: number, high: number) => Schema.Int.pipe(Schema.between(low, high))

export const QueuePolicy = Schema.Struct({
  /** How long a delivery is leased before it counts as failed, unless extended. */
  leaseMs: Schema.optionalWith(between(limits.leaseMinMs, limits.leaseMaxMs), {
    default: () => limits.leaseDefaultMs,
  }),
  /** How long a dedup id is remembered, in journal time. */
  dedupWindowMs: Schema.optionalWith(between(0, limits.dedupWindowMaxMs), {
    default: () => limits.dedupWindowDefaultMs,
  }),
  /** Publishes are refused with QueueFull beyond so many messages (ready + leased). */
  messagesMax: Schema.optionalWith(between(1, limits.messagesPerQueueMax), {
    default: () => limits.messagesPerQueueDefault,
  }),
  /** Publishes are refused with QueueFull beyond so many bytes of frames. */
  bytesMax: Schema.optionalWith(between(1, limits.bytesPerQueueMax), {
    default: () => limits.bytesPerQueueDefault,
  }),
  /** The largest body taken. */
  bodyBytesMax: Schema.optionalWith(between(1, limits.bodyBytesMax), {
    default: () => limits.bodyBytesDefault,
  }),
})
export type QueuePolicy = typeof QueuePolicy.Type
/** What a caller may leave out. */
export type QueuePolicyInput = typeof QueuePolicy.Encoded

export const defaultQueuePolicy: QueuePolicy = Schema.decodeSync(QueuePolicy)({})
export const decodeQueuePolicy = Schema.decodeUnknownEither(QueuePolicy, {
  onExcessProperty: "error",
})

/** Equal in every setting: declaring a queue again with an equal policy is a repeat. */
export const sameQueuePolicy = (a: QueuePolicy, b: QueuePolicy): boolean =>
  a.leaseMs === b.leaseMs &&
  a.dedupWindowMs === b.dedupWindowMs &&
  a.messagesMax === b.messagesMax &&
  a.bytesMax === b.bytesMax &&
  a.bodyBytesMax === b.bodyBytesMax
