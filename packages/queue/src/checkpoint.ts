/**
 * Owns: a queue's state as chunks, of which only those that changed are written again, and the way
 * back. Keys: `q<generation>/` and then
 *
 * ```
 *   h            head: policy, counters, digest …            codec/headChunk.ts
 *   b<number>    a block of 4,096 messages and its frames    codec/blockChunk.ts
 *   p<0-15>      producers whose id starts with that digit   codec/producersChunk.ts
 *   d<number>    4,096 dedup ids                             codec/dedupChunk.ts
 *   s<number>    by which deliveries a block was settled     codec/settlersChunk.ts
 *   a<n>, f<n>   kept of a queue that was set aside          aside/Aside.ts
 * ```
 * Must not know: where chunks are kept.
 */
import { type Generation, skeinError } from "@skein/model"
import { packBlock, unpackBlock } from "./codec/blockChunk.js"
import { packDedup, unpackDedup } from "./codec/dedupChunk.js"
import { packHead, unpackHead } from "./codec/headChunk.js"
import { packProducers, unpackProducers } from "./codec/producersChunk.js"
import { packSettlers, unpackSettlers } from "./codec/settlersChunk.js"
import { digest } from "./digest.js"
import type { QueueState } from "./QueueState.js"
import type { Producer } from "./state/Producers.js"
import { producerPages } from "./state/Producers.js"

/** A piece of state under a key; the same shape as the journal's. */
export interface StateChunk {
  readonly key: string
  readonly bytes: Uint8Array
}

export interface StateDelta {
  readonly put: StateChunk[]
  readonly drop: string[]
}

/** Whose chunk it is; `undefined` when the key is not of a queue. */
export const generationOfKey = (key: string): Generation | undefined => {
  const slash = key.indexOf("/")
  if (key.charCodeAt(0) !== 113 || slash < 2) return undefined
  const generation = Number(key.slice(1, slash))
  return Number.isSafeInteger(generation) && generation > 0 ? generation : undefined
}

/**
 * Chunks that changed since the last call (or since restore), which count as saved from now on. Of
 * a deleted queue: nothing to put, everything to drop. While `unlocatedFrames` is above 0, frames
 * are stored without their location: whoever restores must `relocate` them before they are read.
 */
export const checkpointDelta = (state: QueueState): StateDelta => {
  const prefix = `q${state.generation}/`
  const delta: StateDelta = { put: [], drop: [] }
  if (!state.dirty) return delta
  state.dirty = false
  saveHead(state, prefix, delta)
  saveBlocks(state, prefix, delta)
  saveProducers(state, prefix, delta)
  saveDedup(state, prefix, delta)
  saveSettlers(state, prefix, delta)
  return delta
}

const saveHead = (state: QueueState, prefix: string, delta: StateDelta): void => {
  if (state.life === "present") {
    delta.put.push({ key: `${prefix}h`, bytes: packHead(state) })
    state.saved = true
  } else if (state.saved) {
    delta.drop.push(`${prefix}h`)
    state.saved = false
  }
}

const saveBlocks = ({ blocks }: QueueState, prefix: string, delta: StateDelta): void => {
  for (const index of blocks.gone) delta.drop.push(`${prefix}b${index}`)
  blocks.gone = []
  for (let block = blocks.first; block !== undefined; block = block.next) {
    if (!block.dirty) continue
    block.dirty = false
    block.saved = true
    delta.put.push({ key: `${prefix}b${block.index}`, bytes: packBlock(block) })
  }
}

const saveProducers = ({ producers }: QueueState, prefix: string, delta: StateDelta): void => {
  for (let page = 0; page < producerPages; page++) {
    const bit = 1 << page
    if ((producers.dirtyPages & bit) === 0) continue
    const found = producers.page(page)
    if (found.length > 0) {
      delta.put.push({ key: `${prefix}p${page}`, bytes: packProducers(found) })
      producers.savedPages |= bit
    } else if ((producers.savedPages & bit) !== 0) {
      delta.drop.push(`${prefix}p${page}`)
      producers.savedPages &= ~bit
    }
  }
  producers.dirtyPages = 0
}

const saveDedup = ({ dedup }: QueueState, prefix: string, delta: StateDelta): void => {
  for (const number of dedup.gone) delta.drop.push(`${prefix}d${number}`)
  dedup.gone = []
  for (const chunk of dedup.chunks) {
    if (!chunk.dirty) continue
    chunk.dirty = false
    chunk.saved = true
    delta.put.push({ key: `${prefix}d${chunk.number}`, bytes: packDedup(chunk) })
  }
}

const saveSettlers = ({ settlers }: QueueState, prefix: string, delta: StateDelta): void => {
  for (const index of settlers.gone) delta.drop.push(`${prefix}s${index}`)
  for (const index of settlers.dirty) {
    const block = settlers.blocks.get(index)
    if (block === undefined) continue
    delta.put.push({ key: `${prefix}s${index}`, bytes: packSettlers(block) })
  }
  settlers.markSaved()
}

/**
 * The state that the chunks of one generation hold, checked against the digest in the head.
 * @throws SkeinError ShardCorrupt, VersionUnsupported
 */
export const restoreQueue = (chunks: readonly StateChunk[]): QueueState => {
  const head = chunks.find(({ key }) => key.endsWith("/h"))
  const generation = head === undefined ? undefined : generationOfKey(head.key)
  if (head === undefined || generation === undefined) {
    throw skeinError("ShardCorrupt", "a checkpoint holds pieces of a queue but not its head")
  }
  const { state, digest: expected } = unpackHead(generation, head.bytes)
  state.saved = true
  const prefix = `q${generation}/`
  const numbered = (kind: string): StateChunk[] =>
    chunks
      .filter(({ key }) => key.startsWith(prefix + kind))
      .sort((a, b) => numberOf(a, prefix) - numberOf(b, prefix))
  for (const { key, bytes } of numbered("b")) {
    const block = unpackBlock(bytes, state.lanes)
    if (key !== `${prefix}b${block.index}`) throw misplaced(key)
    state.blocks.restore(block)
  }
  for (const { key, bytes } of numbered("d")) {
    const chunk = unpackDedup(bytes)
    if (key !== `${prefix}d${chunk.number}`) throw misplaced(key)
    state.dedup.restore(chunk)
  }
  const settled = numbered("s").map((chunk) => ({
    index: numberOf(chunk, prefix),
    block: unpackSettlers(chunk.bytes),
  }))
  settled.sort((a, b) => a.block.ordinal - b.block.ordinal)
  for (const { index, block } of settled) state.settlers.restore(index, block)
  const producers: Producer[] = []
  for (const { bytes } of numbered("p")) producers.push(...unpackProducers(bytes))
  producers.sort((a, b) => a.lastMs - b.lastMs)
  for (const producer of producers) state.producers.restore(producer)
  const found = digest(state)
  if (found !== expected) {
    throw skeinError("ShardCorrupt", `queue ${generation}: digest ${found} is not ${expected}`)
  }
  return state
}

const numberOf = ({ key }: StateChunk, prefix: string): number =>
  Number(key.slice(prefix.length + 1))

const misplaced = (key: string): Error =>
  skeinError("ShardCorrupt", `chunk ${key} lies under a key that is not its own`)
