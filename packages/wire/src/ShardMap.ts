/**
 * Owns: the shard map: who serves which shard, as a node tells its clients, right after the welcome
 * and after each change. A hint that saves a detour: the node that is asked decides, and one that
 * does not have the shard answers `Moved`.
 * Must not know: how it was decided.
 */
import { limits, SkeinError, skeinError, type Tagged } from "@skein/model"
import { encodeEnvelope, type Parts } from "./Envelope.js"
import { decodeControl, packValue } from "./Values.js"

export interface ShardMapNode {
  readonly node: string
  /** New at each start of the process. */
  readonly instance: string
  /** `host:port`. */
  readonly address: string
}

export interface ShardMap {
  /** Of the shard table; a client keeps the newest that it has heard, from any node. */
  readonly version: number
  /** Nodes that can be connected to. */
  readonly nodes: readonly ShardMapNode[]
  /** By shard: a place in `nodes`, or -1 where nobody is known. */
  readonly owners: readonly number[]
}

export const encodeShardMap = (map: ShardMap): Parts =>
  encodeEnvelope("shardMap", 0, packValue(map))

export const decodeShardMap = (payload: Uint8Array): ShardMap | Tagged<"ProtocolError"> => {
  const decoded = decodeControl(payload)
  if (decoded instanceof SkeinError) return decoded
  const map = decoded.value
  if (!isRecord(map)) return malformed("the payload is a map")
  const { version, nodes, owners, ...rest } = map
  if (Object.keys(rest).length > 0) return malformed("it has unknown fields")
  if (!Number.isSafeInteger(version) || Number(version) < 0) {
    return malformed("version is a number from 0")
  }
  if (!Array.isArray(nodes) || nodes.length > limits.nodesMax || !nodes.every(isNode)) {
    return malformed(`nodes are at most ${limits.nodesMax} of node, instance, address`)
  }
  const isPlace = (place: unknown) =>
    Number.isInteger(place) && Number(place) >= -1 && Number(place) < nodes.length
  if (!Array.isArray(owners) || owners.length > limits.shardsMax || !owners.every(isPlace)) {
    return malformed("owners are places in nodes, or -1")
  }
  return { version: Number(version), nodes, owners }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isNode = (value: unknown): value is ShardMapNode =>
  isRecord(value) &&
  Object.keys(value).length === 3 &&
  [value.node, value.instance, value.address].every(
    (text) => typeof text === "string" && text.length <= 256,
  )

const malformed = (detail: string): Tagged<"ProtocolError"> =>
  skeinError("ProtocolError", `shardMap: ${detail}`)
