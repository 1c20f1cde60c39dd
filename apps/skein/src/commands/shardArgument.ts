/** Owns: a shard as an operator writes it: `s017` or `17`. */
import { limits, parseShardName, type Shard } from "@skein/model"
import { UsageError } from "../arguments/UsageError.js"

/** Throws UsageError. Whether the fabric has so many shards is the fabric's to say. */
export const shardArgument = (text: string): Shard => {
  const shard = parseShardName(text) ?? (/^\d{1,4}$/.test(text) ? Number(text) : undefined)
  if (shard !== undefined && shard < limits.shardsMax) return shard
  throw new UsageError(`${text} is no shard.`, "A shard is s000 to s1023, or its number.")
}
