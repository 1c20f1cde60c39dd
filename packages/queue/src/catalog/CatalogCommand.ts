/** Owns: what can be asked of the catalog. The last three only look. */
import type { Generation, QueuePolicy, Shard } from "@skein/model"

/** A repeat with an equal policy gets the same queue; with another one, PolicyMismatch. */
export interface Declare {
  readonly _tag: "Declare"
  readonly name: string
  readonly policy: QueuePolicy
  /** Where the queue is to live if it is new: the caller's choice (least loaded). */
  readonly shard: Shard
}

/** The name is free at once. The generation is doomed until `Bury` says that its shard knows. */
export interface Remove {
  readonly _tag: "Remove"
  readonly name: string
}

/** The queue's shard has deleted it: the catalog may forget the generation. */
export interface Bury {
  readonly _tag: "Bury"
  readonly generation: Generation
}

export interface Lookup {
  readonly _tag: "Lookup"
  readonly name: string
}

export interface LookupGeneration {
  readonly _tag: "LookupGeneration"
  readonly generation: Generation
}

/** Queues sorted by name (code units), a page at a time. */
export interface List {
  readonly _tag: "List"
  readonly prefix: string
  /** Names after this one; leave it out for the first page. */
  readonly after?: string
  readonly rowsMax: number
}

export type CatalogCommand = Bury | Declare | List | Lookup | LookupGeneration | Remove
