/**
 * Owns: how the faults and ends of a shard host are told, inside of the node and to callers.
 */
import { type Shard, type SkeinError, shardName, skeinError } from "@skein/model"

/** What went wrong inside of a host: its state cannot be trusted any more. */
export const hostFault = (cause: unknown): SkeinError =>
  skeinError("InternalError", `a shard host met a fault: ${String(cause)}`, {}, { cause })

/**
 * Why the requests of a host that has ended end, as their callers hear it. What stops this host
 * need not stop the next one: they may ask again, unless the journal is gone for good.
 */
export const endOfHost = (
  shard: Shard,
  why: SkeinError,
  movedTo: ((shard: Shard) => SkeinError | undefined) | undefined,
): SkeinError => {
  if (why._tag === "Moved" && why.data.address !== undefined) return why
  if (why._tag === "Moved") return movedTo?.(shard) ?? why
  if (why.retryable || why._tag === "FabricClosed") return why
  const detail = `shard ${shardName(shard)} was closed: ${why.detail}`
  return skeinError("ShardUnavailable", detail, { shard }, { cause: why })
}

/**
 * As those hear it who waited for a commit: it may be durable all the same, and then the shard's
 * next owner holds what they asked for. A publisher must not take this for a refusal.
 */
export const outcomeUnknown = ({ _tag, detail, data, cause }: SkeinError): SkeinError =>
  skeinError(_tag, detail, { ...data, outcome: "unknown" }, { cause })

/** A request waited for the end of a move, and cannot wait any longer. */
export const stillMoving = (shard: Shard): SkeinError =>
  skeinError("ShardUnavailable", `shard ${shardName(shard)} is moving for long`, { shard })
