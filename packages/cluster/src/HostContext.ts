/** Owns: what a shard host is given: how its actors are made, and the node around it. */
import type { Journal } from "@skein/journal"
import type { Clock, Generation, Shard, SkeinError } from "@skein/model"
import type { ActorChunk, ShardActor } from "./ShardActor.js"
import type { ShardHost } from "./ShardHost.js"

/** Makes the actor of a generation: empty for replay, or from the chunks of a checkpoint. */
export interface ActorFactory {
  /** Whose chunk of a checkpoint it is. */
  readonly generationOf: (key: string) => Generation
  readonly replaying: (generation: Generation, host: ShardHost) => ShardActor
  readonly restored: (
    generation: Generation,
    chunks: readonly ActorChunk[],
    host: ShardHost,
  ) => ShardActor
}

/** What a host needs of the node around it. */
export interface HostContext {
  readonly journal: Journal
  readonly clock: Clock
  /** The host has something to do: give it a turn soon. */
  readonly wake: (host: ShardHost) => void
  /** Asked before anything expires: a stall of the node is made known first (`stalled`). */
  readonly noticeStall: () => void
  /** Its record waits to be committed. */
  readonly commitSoon: (host: ShardHost) => void
  /** Moved, naming the node that has the shard now; `undefined`: it is not known. */
  readonly movedTo?: (shard: Shard) => SkeinError | undefined
  /** A fault that was contained: the host goes on. */
  readonly onFault: (host: ShardHost, error: SkeinError) => void
}
