/** Owns: what can happen to the catalog. All of it is journaled, as events of generation 0. */
import type { Generation, QueuePolicy, Shard } from "@skein/model"

/** In records of shard s000 the catalog stands beside queues, under this generation. */
export const catalogGeneration: Generation = 0

export interface QueueDeclared {
  readonly _tag: "QueueDeclared"
  readonly name: string
  readonly policy: QueuePolicy
  readonly shard: Shard
  readonly generation: Generation
}

export interface QueueRemoved {
  readonly _tag: "QueueRemoved"
  readonly generation: Generation
}

export interface QueueBuried {
  readonly _tag: "QueueBuried"
  readonly generation: Generation
}

export type CatalogEvent = QueueBuried | QueueDeclared | QueueRemoved

export const isCatalogEvent = (event: { readonly _tag: string }): event is CatalogEvent =>
  event._tag === "QueueDeclared" || event._tag === "QueueRemoved" || event._tag === "QueueBuried"
