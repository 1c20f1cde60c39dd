/**
 * Owns: the catalog as chunks: `c/h` = `[version, next generation, digest]`, and `c/g<number>` =
 * `[version, queue, …]` for each 256 generations, a queue `[generation, shard, name, policy,
 * doomed]`. Only pages that changed are written again.
 */
import { skeinError } from "@skein/model"
import type { StateChunk, StateDelta } from "../checkpoint.js"
import { packPolicy, readPolicy } from "../codec/policyCodec.js"
import { packTuple, unpackTuple } from "../codec/tuples.js"
import type { CatalogQueue } from "./CatalogDecision.js"
import { CatalogState, catalogDigest, catalogPageGenerations } from "./CatalogState.js"

const version = 1

export const isCatalogKey = (key: string): boolean => key.startsWith("c/")

/** Chunks that changed since the last call (or since restore); they count as saved from now on. */
export const catalogCheckpointDelta = (state: CatalogState): StateDelta => {
  const delta: StateDelta = { put: [], drop: [] }
  if (!state.dirty) return delta
  state.dirty = false
  delta.put.push({ key: "c/h", bytes: packCatalogHead(state) })
  for (const page of state.dirtyPages) {
    const bytes = packCatalogPage(state, page)
    const key = `c/g${page}`
    if (bytes !== undefined) {
      delta.put.push({ key, bytes })
      state.savedPages.add(page)
    } else if (state.savedPages.delete(page)) delta.drop.push(key)
  }
  state.dirtyPages.clear()
  return delta
}

export const packCatalogHead = (state: CatalogState): Uint8Array =>
  packTuple([version, state.nextGeneration, catalogDigest(state)])

/** `undefined`: the page holds no queue. */
export const packCatalogPage = (state: CatalogState, page: number): Uint8Array | undefined => {
  const queues: unknown[] = []
  const first = page * catalogPageGenerations
  for (let at = first; at < first + catalogPageGenerations; at++) {
    const lives = state.byGeneration.get(at)
    const queue = lives ?? state.doomed.get(at)
    if (queue !== undefined) queues.push(packQueue(queue, lives === undefined))
  }
  return queues.length === 0 ? undefined : packTuple([version, ...queues])
}

const packQueue = (queue: CatalogQueue, doomed: boolean): unknown[] => [
  queue.generation,
  queue.shard,
  queue.name,
  packPolicy(queue.policy),
  doomed ? 1 : 0,
]

/** @throws SkeinError ShardCorrupt, VersionUnsupported */
export const restoreCatalog = (chunks: readonly StateChunk[]): CatalogState => {
  const state = new CatalogState()
  const head = chunks.find(({ key }) => key === "c/h")
  if (head === undefined) {
    throw skeinError("ShardCorrupt", "a checkpoint holds pieces of the catalog but not its head")
  }
  const fields = unpackTuple("catalog", head.bytes, version)
  state.nextGeneration = fields.count("next generation")
  const expected = fields.text("digest")
  fields.end()
  for (const { key, bytes } of chunks) {
    if (key.startsWith("c/g")) readPage(state, Number(key.slice(3)), bytes)
  }
  const found = catalogDigest(state)
  if (found !== expected) {
    throw skeinError("ShardCorrupt", `catalog: digest ${found} is not ${expected}`)
  }
  return state
}

const readPage = (state: CatalogState, page: number, bytes: Uint8Array): void => {
  const fields = unpackTuple(`catalog page ${page}`, bytes, version)
  while (fields.left > 0) {
    const tuple = fields.tuple("queue")
    const generation = tuple.count("generation")
    const shard = tuple.count("shard")
    const name = tuple.text("name")
    const policy = readPolicy(tuple.tuple("policy"))
    const doomed = tuple.count("doomed", 1) === 1
    tuple.end()
    if (state.byGeneration.has(generation) || (!doomed && state.byName.has(name))) {
      throw tuple.corrupt("a queue is listed twice")
    }
    if (doomed) state.doom({ name, generation, shard, policy })
    else state.insert({ name, generation, shard, policy })
  }
  state.savedPages.add(page)
}
