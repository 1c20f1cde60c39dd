/**
 * Owns: the identifiers of the fabric and their textual forms. They are plain strings and numbers,
 * because they travel on the per-message path.
 */
import { Schema } from "effect"

/** A shard's number, from 0. `s000` holds the catalog. */
export type Shard = number
/** Rises each time a shard is opened for writing, by a new owner or by the same one again. */
export type Epoch = number
/** Identifies one life of a queue in a fabric; given by the catalog, from 1, never used again. */
export type Generation = number
/** Position of a message in its queue, from 1, without gaps at the time of publishing. */
export type Sequence = number

/** 128 random bits as 32 lower-case hexadecimal digits. */
export const Hex128 = Schema.String.pipe(
  Schema.filter((text) => isHex128(text) || "expected 32 lower-case hexadecimal digits"),
)
/** One client object's publishing identity, kept over reconnects and moves. */
export type ProducerId = string
/** A client's standing with a node, with a lease; not bound to a connection. */
export type SessionId = string
/** New at every start of a process. */
export type InstanceId = string
/** A node's name: the same at every start, unique in its fabric. */
export type NodeName = string
/** Made when a fabric's storage is created; two fabrics never share it. */
export type FabricId = string

export const isHex128 = (text: string): boolean => {
  if (text.length !== 32) return false
  for (let at = 0; at < 32; at++) {
    const code = text.charCodeAt(at)
    if (!((code >= 48 && code <= 57) || (code >= 97 && code <= 102))) return false
  }
  return true
}

/** `17` -> `s017`: how shards are written everywhere. */
export const shardName = (shard: Shard): string => `s${String(shard).padStart(3, "0")}`

/** `s017` -> `17`, or `undefined` when `text` is not a shard's name. */
export const parseShardName = (text: string): Shard | undefined => {
  if (text.length < 4 || text.length > 5 || text.charCodeAt(0) !== 115) return undefined
  const shard = Number(text.slice(1))
  return Number.isInteger(shard) && shard >= 0 && shardName(shard) === text ? shard : undefined
}

/** Where a queue is: the address that clients keep and put on each request. */
export const QueueRef = Schema.Struct({
  shard: Schema.Int,
  generation: Schema.Int,
})
export interface QueueRef {
  readonly shard: Shard
  readonly generation: Generation
}

/** A message's identity: the generation of its queue and its sequence there. */
export interface MessageId {
  readonly generation: Generation
  readonly sequence: Sequence
}

/** One delivery of a message: which queue life, which message, under which owner, which attempt. */
export interface DeliveryTag extends MessageId {
  readonly epoch: Epoch
  /** How many deliveries of this message had ended before this one (returned + failed). */
  readonly attempt: number
}
