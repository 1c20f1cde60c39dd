/**
 * Owns: the digest of a stored shard: its queues and catalog are replayed, as a node does when it
 * opens the shard, and their digests are put together. Equal digests: equal durable facts.
 * Must not know: files, who owns the shard.
 */
import { createHash } from "node:crypto"
import { decodeSections } from "@skein/cluster"
import type { ReadShard } from "@skein/journal-file"
import type { Generation } from "@skein/model"
import {
  type CatalogState,
  catalogDigest,
  catalogGeneration,
  decodeEvents,
  digest,
  emptyCatalog,
  emptyQueue,
  evolve,
  evolveCatalog,
  generationOfKey,
  isCatalogEvent,
  isCatalogKey,
  type QueueState,
  restoreCatalog,
  restoreQueue,
  type StateChunk,
} from "@skein/queue"

/** 32 hexadecimal digits. */
export const digestShard = async (read: ReadShard): Promise<string> => {
  const { catalogChunks, queueChunks } = await chunksOf(read)
  const catalog = catalogChunks.length === 0 ? emptyCatalog() : restoreCatalog(catalogChunks)
  const queues = new Map<Generation, QueueState>()
  for (const [generation, chunks] of queueChunks) queues.set(generation, restoreQueue(chunks))
  for (const record of read.records) {
    for (const { generation, deleted, events } of decodeSections(record.events)) {
      for (const { event } of events.length === 0 ? [] : decodeEvents(events)) {
        if (isCatalogEvent(event)) evolveCatalog(catalog, event)
        else evolve(queueOf(queues, generation), event)
      }
      if (deleted) queues.delete(generation)
    }
  }
  return digestOf(catalog, queues)
}

/** The digest of a shard that holds these; of every shard but s000 the catalog is empty. */
export const digestOf = (
  catalog: CatalogState,
  queues: ReadonlyMap<Generation, QueueState>,
): string => {
  const hash = createHash("sha256")
  hash.update(`${catalogGeneration} ${catalogDigest(catalog)}\n`)
  for (const [generation, state] of [...queues].sort(([a], [b]) => a - b)) {
    hash.update(`${generation} ${digest(state)}\n`)
  }
  return hash.digest("hex").slice(0, 32)
}

const queueOf = (queues: Map<Generation, QueueState>, generation: Generation): QueueState => {
  const there = queues.get(generation)
  if (there !== undefined) return there
  const state = emptyQueue(generation)
  queues.set(generation, state)
  return state
}

const chunksOf = async ({ checkpoint }: ReadShard) => {
  const catalogChunks: StateChunk[] = []
  const queueChunks = new Map<Generation, StateChunk[]>()
  for await (const chunk of checkpoint.chunks) {
    const generation = generationOfKey(chunk.key)
    if (isCatalogKey(chunk.key)) catalogChunks.push(chunk)
    else if (generation !== undefined) {
      const list = queueChunks.get(generation)
      if (list === undefined) queueChunks.set(generation, [chunk])
      else list.push(chunk)
    }
  }
  return { catalogChunks, queueChunks }
}
