/**
 * Owns: all that is durable of a queue or of the catalog as chunks, as `restoreQueue` and
 * `restoreCatalog` take them, whatever a checkpoint holds of it already: for a copy that goes
 * elsewhere. What counts as saved does not change.
 * Must not know: where the copy goes.
 */
import type { Sequence } from "@skein/model"
import type { CatalogState } from "./catalog/CatalogState.js"
import { catalogPageGenerations } from "./catalog/CatalogState.js"
import { packCatalogHead, packCatalogPage } from "./catalog/catalogCheckpoint.js"
import type { StateChunk } from "./checkpoint.js"
import { packBlock } from "./codec/blockChunk.js"
import { packDedup } from "./codec/dedupChunk.js"
import { packHead } from "./codec/headChunk.js"
import { packProducers } from "./codec/producersChunk.js"
import { packSettlers } from "./codec/settlersChunk.js"
import type { QueueState } from "./QueueState.js"
import { blockOf } from "./state/Blocks.js"
import { producerPages } from "./state/Producers.js"

/** A living frame: its first message, and its size. */
export interface LiveFrame {
  readonly first: Sequence
  readonly bytes: number
}

/** Empty for a queue that was never created, or is deleted. */
export const wholeQueue = (state: QueueState): StateChunk[] => {
  if (state.life !== "present") return []
  const prefix = `q${state.generation}/`
  const chunks: StateChunk[] = [{ key: `${prefix}h`, bytes: packHead(state) }]
  for (let block = state.blocks.first; block !== undefined; block = block.next) {
    chunks.push({ key: `${prefix}b${block.index}`, bytes: packBlock(block) })
  }
  for (let page = 0; page < producerPages; page++) {
    const found = state.producers.page(page)
    if (found.length > 0) chunks.push({ key: `${prefix}p${page}`, bytes: packProducers(found) })
  }
  for (const chunk of state.dedup.chunks) {
    chunks.push({ key: `${prefix}d${chunk.number}`, bytes: packDedup(chunk) })
  }
  for (const [index, block] of state.settlers.blocks) {
    chunks.push({ key: `${prefix}s${index}`, bytes: packSettlers(block) })
  }
  return chunks
}

export const wholeCatalog = (state: CatalogState): StateChunk[] => {
  const chunks: StateChunk[] = [{ key: "c/h", bytes: packCatalogHead(state) }]
  const pages = Math.ceil(state.nextGeneration / catalogPageGenerations)
  for (let page = 0; page < pages; page++) {
    const bytes = packCatalogPage(state, page)
    if (bytes !== undefined) chunks.push({ key: `c/g${page}`, bytes })
  }
  return chunks
}

/** How many living frames a queue has, and their bytes together. */
export const countFrames = ({ blocks }: QueueState): { frames: number; bytes: number } => {
  let frames = 0
  for (let block = blocks.first; block !== undefined; block = block.next) {
    frames += block.frames.alive
  }
  return { frames, bytes: blocks.bytes }
}

/**
 * Living frames that begin at `from` or later and before `below`, ascending: at most `framesMax`,
 * and no more than fill `bytesMax`, but one at least.
 */
export const framesFrom = (
  { blocks }: QueueState,
  from: Sequence,
  below: Sequence,
  { framesMax, bytesMax }: { readonly framesMax: number; readonly bytesMax: number },
): LiveFrame[] => {
  const found: LiveFrame[] = []
  let room = bytesMax
  const start = blockOf(from)
  let block = blocks.byIndex.get(start) ?? blocks.first
  for (; block !== undefined; block = block.next) {
    if (block.index < start) continue
    const { frames } = block
    for (let at = 0; at < frames.length; at++) {
      const first = block.base + frames.offset(at)
      if (first < from || frames.live(at) === 0) continue
      const bytes = frames.bytes(at)
      const isFull = found.length >= framesMax || (found.length > 0 && bytes > room)
      if (first >= below || isFull) return found
      found.push({ first, bytes })
      room -= bytes
    }
  }
  return found
}

/** No frame of it lies anywhere yet: for a copy that came without places. */
export const unplaceFrames = ({ blocks }: QueueState): void => {
  for (let block = blocks.first; block !== undefined; block = block.next) {
    for (let at = 0; at < block.frames.length; at++) {
      if (block.frames.live(at) === 0) continue
      const first = block.base + block.frames.offset(at)
      const last = first + block.frames.count(at) - 1
      blocks.place({ block, at, first, last }, Number.NaN)
    }
  }
}
