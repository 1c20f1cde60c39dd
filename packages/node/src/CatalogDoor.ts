/**
 * Owns: the port to the catalog, wherever its shard is: names to (shard, generation) and settings.
 * Linearizable: an answer rests on what is durable. Every promise rejects with a SkeinError only.
 */
import type { Generation, QueuePolicy, QueueRef } from "@skein/model"
import type { ListRequest, QueueInfo, QueuePage } from "@skein/wire"

export interface CatalogDoor {
  /** A repeat with the same policy answers the same queue. The shard of a new one is chosen here:
   * the one with the fewest queues. */
  readonly declare: (name: string, policy: QueuePolicy) => Promise<QueueInfo>
  /** The name is free at once; the shard has to delete the queue, then `bury` it. `undefined`:
   * there is nothing by that name, and nothing left to delete. */
  readonly delete: (name: string) => Promise<QueueRef | undefined>
  /** The queue's shard has deleted it. */
  readonly bury: (generation: Generation) => Promise<void>
  readonly byName: (name: string) => Promise<QueueInfo | undefined>
  readonly byGeneration: (generation: Generation) => Promise<QueueInfo | undefined>
  /**
   * Whether it is declared, as far as is known now, durable or not: for the step that creates it.
   */
  readonly holds: (generation: Generation) => boolean
  readonly list: (request: ListRequest) => Promise<QueuePage>
  readonly count: () => number
}
