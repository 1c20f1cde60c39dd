/** Owns: what the catalog answers. */
import type { Generation, QueuePolicy, QueueRef, Shard, SkeinError } from "@skein/model"
import type { CatalogEvent } from "./CatalogEvent.js"

/** A queue as the catalog knows it. */
export interface CatalogQueue {
  readonly name: string
  readonly generation: Generation
  readonly shard: Shard
  readonly policy: QueuePolicy
}

export interface Declared {
  readonly _tag: "Declared"
  readonly queue: QueueRef
  /** `false`: it was there before. */
  readonly created: boolean
}

/** `queue` is absent when there is nothing by that name and nothing left to delete. */
export interface Removed {
  readonly _tag: "Removed"
  readonly queue?: QueueRef
}

export interface Buried {
  readonly _tag: "Buried"
}

/** Absent: no such queue. */
export interface Found {
  readonly _tag: "Found"
  readonly queue?: CatalogQueue
}

export interface Listed {
  readonly _tag: "Listed"
  readonly queues: readonly CatalogQueue[]
  /** There are more: ask again with `after` = this. */
  readonly next?: string
}

export interface CatalogRefused {
  readonly _tag: "Refused"
  readonly error: SkeinError
}

export type CatalogReply = Buried | CatalogRefused | Declared | Found | Listed | Removed

export interface CatalogDecision {
  readonly events: readonly CatalogEvent[]
  readonly reply: CatalogReply
}
