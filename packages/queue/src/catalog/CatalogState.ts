/**
 * Owns: which queues there are: name -> (generation, shard, policy), in order of names, and the
 * doomed ones that their shards have yet to delete. Generations rise by one and are never used
 * again.
 * Must not know: what is in a queue.
 */
import type { Generation, Shard } from "@skein/model"
import { hexOf, Lanes, mixNumber, mixText, seedA, seedB } from "../state/Lanes.js"
import type { CatalogQueue } from "./CatalogDecision.js"
import { SortedNames } from "./SortedNames.js"

/** Generations that share a chunk of the checkpoint. */
export const catalogPageGenerations = 256

export class CatalogState {
  readonly byName = new Map<string, CatalogQueue>()
  readonly byGeneration = new Map<Generation, CatalogQueue>()
  readonly doomed = new Map<Generation, CatalogQueue>()
  readonly names = new SortedNames()
  nextGeneration: Generation = 1
  readonly lanes = new Lanes()
  dirty = false
  readonly dirtyPages = new Set<number>()
  readonly savedPages = new Set<number>()

  insert(queue: CatalogQueue): void {
    this.byName.set(queue.name, queue)
    this.byGeneration.set(queue.generation, queue)
    this.names.add(queue.name)
    this.tell(queue, "lives", 1)
  }

  doom(queue: CatalogQueue): void {
    this.doomed.set(queue.generation, queue)
    this.tell(queue, "doomed", 1)
  }

  remove(queue: CatalogQueue): void {
    this.byName.delete(queue.name)
    this.byGeneration.delete(queue.generation)
    this.names.remove(queue.name)
    this.tell(queue, "lives", -1)
  }

  bury(queue: CatalogQueue): void {
    this.doomed.delete(queue.generation)
    this.tell(queue, "doomed", -1)
  }

  soil(generation: Generation): void {
    this.dirty = true
    this.dirtyPages.add(Math.floor(generation / catalogPageGenerations))
  }

  private tell(queue: CatalogQueue, life: string, weight: number): void {
    this.lanes.point(factOf(seedA, queue, life), factOf(seedB, queue, life), weight)
  }
}

export const emptyCatalog = (): CatalogState => new CatalogState()

/** 16 hexadecimal digits, equal for equal catalogs. O(1). */
export const catalogDigest = (state: CatalogState): string =>
  hexOf(
    mixNumber(mixNumber(seedA, state.lanes.a), state.nextGeneration),
    mixNumber(mixNumber(seedB, state.lanes.b), state.nextGeneration),
  )

/** Queues of the shard that it has yet to delete: asked when a shard is opened. */
export const doomedQueues = (state: CatalogState, shard: Shard): readonly CatalogQueue[] =>
  [...state.doomed.values()].filter((queue) => queue.shard === shard)

const factOf = (seed: number, { name, generation, shard, policy }: CatalogQueue, life: string) => {
  let hash = mixText(mixText(seed, life), name)
  for (const value of [
    generation,
    shard,
    policy.leaseMs,
    policy.dedupWindowMs,
    policy.messagesMax,
    policy.bytesMax,
    policy.bodyBytesMax,
  ]) {
    hash = mixNumber(hash, value)
  }
  return hash
}
