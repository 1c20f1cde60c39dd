/**
 * Owns: the shard table as bytes: JSON with a checked shape, so that a person can read the file.
 * A table that names a node which is not there is legal: its shards count as without an owner.
 * Must not know: where the bytes lie.
 */
import { limits, type NodeName, type Shard, skeinError, type Tagged } from "@skein/model"
import { type MovingShard, movingOf, type ShardNote, type ShardTable } from "./ShardTable.js"

const format = 1

interface Stored {
  readonly format: number
  readonly version: number
  /** Names are written once; owners and notes point into them, -1: none. */
  readonly names: readonly NodeName[]
  readonly owners: readonly number[]
  readonly draining: readonly NodeName[]
  readonly moving: readonly (readonly [Shard, NodeName])[]
  /** [shard, home or -1, reason] */
  readonly notes: readonly (readonly [Shard, number, string])[]
}

/** At most `limits.tableBytesMax`: should the reasons not fit, they are left out. */
export const encodeTable = (table: ShardTable): Uint8Array => {
  const bytes = new TextEncoder().encode(JSON.stringify(stored(table)))
  if (bytes.length <= limits.tableBytesMax) return bytes
  return new TextEncoder().encode(JSON.stringify({ ...stored(table), notes: [] }))
}

const stored = (table: ShardTable): Stored => {
  const places = new Map<NodeName, number>()
  const placeOf = (name: NodeName | undefined): number => {
    if (name === undefined) return -1
    const place = places.get(name) ?? places.size
    places.set(name, place)
    return place
  }
  const owners = table.owners.map(placeOf)
  const notes: (readonly [Shard, number, string])[] = []
  table.notes?.forEach((note, shard) => {
    if (note !== undefined) notes.push([shard, placeOf(note.home), note.reason])
  })
  const moving = movingOf(table).map(({ shard, to }) => [shard, to] as const)
  const { version, draining } = table
  return { format, version, names: [...places.keys()], owners, draining, moving, notes }
}

/** `shards`: how many the fabric has; `version`: under which the store keeps the bytes. */
export const decodeTable = (
  bytes: Uint8Array,
  version: number,
  shards: number,
): ShardTable | Tagged<"TableInvalid"> => {
  if (bytes.length > limits.tableBytesMax) return invalid("it is too large")
  const value = parsed(bytes)
  if (!isRecord(value)) return invalid("it is not a JSON object")
  if (value.format !== format) return invalid(`its format is ${shown(value.format)}, not ${format}`)
  if (value.version !== version) {
    return invalid(`it says version ${shown(value.version)} and is stored as ${version}`)
  }
  const keys = "draining,format,moving,names,notes,owners,version"
  if (Object.keys(value).sort().join() !== keys) return invalid("it has other fields")
  return tableOf(value, version, shards)
}

const tableOf = (
  { names, owners, draining, moving, notes }: Record<string, unknown>,
  version: number,
  shards: number,
): ShardTable | Tagged<"TableInvalid"> => {
  // A name a shard may be gone, and as many homes: more than there are nodes.
  if (!isList(names, isName, 2 * shards)) return invalid("its names are not names of nodes")
  const isPlace = (place: unknown): place is number =>
    Number.isInteger(place) && Number(place) >= -1 && Number(place) < names.length
  const isShard = (shard: unknown): shard is Shard =>
    Number.isInteger(shard) && Number(shard) >= 0 && Number(shard) < shards
  if (!isList(owners, isPlace, limits.shardsMax)) return invalid("an owner is not one of its names")
  if (owners.length !== shards) {
    return invalid(`it has ${owners.length} shards, this fabric has ${shards}`)
  }
  if (!isList(draining, isName, limits.nodesMax)) return invalid("draining is not a list of names")
  const isMoving = (pair: unknown): pair is [Shard, NodeName] =>
    Array.isArray(pair) && pair.length === 2 && isShard(pair[0]) && isName(pair[1])
  if (!isList(moving, isMoving, shards)) return invalid("moving names no shard of this fabric")
  const isNote = (note: unknown): note is [Shard, number, string] =>
    Array.isArray(note) &&
    note.length === 3 &&
    isShard(note[0]) &&
    isPlace(note[1]) &&
    typeof note[2] === "string" &&
    note[2].length <= limits.reasonCharactersMax
  if (!isList(notes, isNote, shards)) return invalid("its notes are not of shards of this fabric")
  const table = { version, owners: owners.map((place) => names[place]), draining }
  return withRest(table, moving, notes, names)
}

const withRest = (
  table: ShardTable,
  moving: readonly (readonly [Shard, NodeName])[],
  stored: readonly (readonly [Shard, number, string])[],
  names: readonly NodeName[],
): ShardTable => {
  const notes: (ShardNote | undefined)[] = table.owners.map(() => undefined)
  for (const [shard, home, reason] of stored) {
    notes[shard] = home < 0 ? { reason } : { reason, home: names[home] }
  }
  const pairs = moving.map(([shard, to]): MovingShard => ({ shard, to }))
  return { ...table, notes, moving: pairs }
}

const parsed = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}

const isList = <A>(
  value: unknown,
  is: (each: unknown) => each is A,
  max: number,
): value is readonly A[] => Array.isArray(value) && value.length <= max && value.every(is)

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isName = (value: unknown): value is NodeName =>
  typeof value === "string" && value.length > 0 && value.length <= limits.nodeNameBytesMax

const shown = (value: unknown): string => String(JSON.stringify(value)).slice(0, 40)

const invalid = (detail: string): Tagged<"TableInvalid"> =>
  skeinError("TableInvalid", `the stored shard table cannot be used: ${detail}`)
