/**
 * Owns: what this node answers to other nodes about the shards that are open here: the catalog, if
 * it is here, and deletions. It passes nothing on: two nodes that take each other for the owner
 * would call each other for ever.
 */
import type { QueueRef } from "@skein/model"
import type { CatalogDoor } from "./CatalogDoor.js"
import type { RemoteShards } from "./RemoteShards.js"

/** `catalog` throws, as `erase` rejects, when the shard is not open here. */
export const localShards = (
  catalog: () => CatalogDoor,
  erase: (queue: QueueRef, why: string) => Promise<void>,
): RemoteShards => ({
  catalog: {
    declare: async (name, policy) => catalog().declare(name, policy),
    delete: async (name) => catalog().delete(name),
    doomed: async (shard) => catalog().doomed(shard),
    bury: async (generation) => catalog().bury(generation),
    byName: async (name) => catalog().byName(name),
    byGeneration: async (generation) => catalog().byGeneration(generation),
    list: async (request) => catalog().list(request),
  },
  erase,
})
