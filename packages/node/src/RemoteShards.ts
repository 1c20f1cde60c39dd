/**
 * Owns: the port to shards that are open on other nodes, as the queues of this node need it. A call
 * rejects with something retryable while the other node cannot be reached.
 */
import type { QueueRef } from "@skein/model"
import type { CatalogDoor } from "./CatalogDoor.js"

export interface RemoteShards {
  /** The catalog on the node that has s000. Never a cache: see `Queues`. */
  readonly catalog: CatalogDoor
  /** Asks the node that has the queue's shard for `NodeCore.erase`. */
  readonly erase: (queue: QueueRef, why: string) => Promise<void>
}
