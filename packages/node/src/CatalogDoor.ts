/**
 * Owns: the port to the catalog, wherever its shard is: names to (shard, generation) and settings.
 * Linearizable: an answer rests on what is durable. Every promise rejects with a SkeinError only.
 */
import type { Generation, QueuePolicy, Shard } from "@skein/model"
import type { ListRequest, QueueInfo, QueuePage } from "@skein/wire"

export interface CatalogDoor {
  /** A repeat with the same policy answers the same queue; `shard` counts for a new one. */
  readonly declare: (name: string, policy: QueuePolicy, shard: Shard) => Promise<QueueInfo>
  /** The queue that was deleted; `undefined` when there was none. */
  readonly delete: (name: string) => Promise<QueueInfo | undefined>
  readonly byName: (name: string) => Promise<QueueInfo | undefined>
  readonly byGeneration: (generation: Generation) => Promise<QueueInfo | undefined>
  readonly list: (request: ListRequest) => Promise<QueuePage>
  readonly count: () => number
}
