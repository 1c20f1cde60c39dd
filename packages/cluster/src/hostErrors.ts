/** Owns: what callers hear of a shard that moves or ends. Must not know: hosts. */
import { type Shard, type SkeinError, shardName, skeinError } from "@skein/model"

export const stillMoving = (shard: Shard): SkeinError =>
  skeinError("ShardUnavailable", `shard ${shardName(shard)} is moving for long`, { shard })

/**
 * As those hear it who waited for a commit: it may be durable all the same, and then the shard's
 * next owner holds what they asked for. A publisher must not take this for a refusal.
 */
export const outcomeUnknown = ({ _tag, detail, data, cause }: SkeinError): SkeinError =>
  skeinError(_tag, detail, { ...data, outcome: "unknown" }, { cause })
