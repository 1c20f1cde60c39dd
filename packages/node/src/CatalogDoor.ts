/**
 * Owns: the port to the catalog, wherever its shard is: names to (shard, generation) and settings.
 * Linearizable: an answer rests on what is durable. Every promise rejects with a SkeinError only.
 */
import type { Generation, QueuePolicy, QueueRef, Shard } from "@skein/model"
import type { ListRequest, QueueInfo, QueuePage } from "@skein/wire"

export interface CatalogDoor {
  /** A repeat with the same policy answers the same queue. The shard of a new one is chosen here:
   * the one with the fewest queues. */
  readonly declare: (name: string, policy: QueuePolicy) => Promise<QueueInfo>
  /** The name is free at once; the shard has to delete the queue, then `bury` it. `undefined`:
   * there is nothing by that name, and nothing left to delete. */
  readonly delete: (name: string) => Promise<QueueRef | undefined>
  /** Removed queues that the shard has yet to delete: asked when it is opened. */
  readonly doomed: (shard: Shard) => Promise<readonly QueueRef[]>
  /** The queue's shard has deleted it. */
  readonly bury: (generation: Generation) => Promise<void>
  readonly byName: (name: string) => Promise<QueueInfo | undefined>
  readonly byGeneration: (generation: Generation) => Promise<QueueInfo | undefined>
  readonly list: (request: ListRequest) => Promise<QueuePage>
}
