/**
 * Owns: the port to shards that are open on other nodes, as the queues of this node need it. A call
 * goes to `NodeCore.forOthers` of the node that has the shard, and rejects with something retryable
 * while that cannot be reached.
 */
import type { QueueRef } from "@skein/model"
import type { CatalogDoor } from "./CatalogDoor.js"

export interface RemoteShards {
  /** The catalog on the node that has s000. Never a cache: see `Queues`. */
  readonly catalog: CatalogDoor
  /** Takes a queue that the catalog has removed out of its shard. Can be repeated. */
  readonly erase: (queue: QueueRef, why: string) => Promise<void>
}
