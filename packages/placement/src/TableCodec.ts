/**
 * Owns: the shard table as bytes: JSON with a checked shape, so that a person can read the file.
 * Must not know: where the bytes lie.
 */
import { type NodeName, type SkeinError, skeinError } from "@skein/model"
import type { ShardTable } from "./ShardTable.js"

export const encodeTable = (table: ShardTable): Uint8Array => {
  const owners = table.owners.map((owner) => owner ?? null)
  return new TextEncoder().encode(JSON.stringify({ ...table, owners }))
}

/** `shards`: how many the fabric has; `version`: under which the store keeps the bytes. */
export const decodeTable = (
  bytes: Uint8Array,
  version: number,
  shards: number,
): ShardTable | SkeinError => {
  const value = parsed(bytes)
  if (typeof value !== "object" || value === null) return invalid("it is not a JSON object")
  if (!("owners" in value) || !isList(value.owners, isOwner)) return invalid("owners")
  if (!("draining" in value) || !isList(value.draining, isName)) return invalid("draining")
  if (value.owners.length !== shards) return invalid(`it has ${value.owners.length} shards`)
  const owners = value.owners.map((owner) => owner ?? undefined)
  return { version, owners, draining: value.draining }
}

const parsed = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}

const isList = <A>(value: unknown, is: (each: unknown) => each is A): value is A[] =>
  Array.isArray(value) && value.every(is)

const isName = (value: unknown): value is NodeName => typeof value === "string"

const isOwner = (value: unknown): value is NodeName | null => value === null || isName(value)

const invalid = (detail: string): SkeinError =>
  skeinError("ConfigInvalid", `the stored shard table cannot be used: ${detail}`)
