/**
 * Owns: an open shard as a child of a supervisor: opened at its start, drained and closed at its
 * stop, ended when its host ends.
 * Must not know: what is done about a shard that ended: it asks.
 */
import type { ShardHost } from "@skein/cluster"
import { asSkeinError, type Shard, type SkeinError, shardName } from "@skein/model"
import { Child, Policy } from "@skein/supervision"
import { Data, Effect, type Scope } from "effect"
import type { NodeCore } from "./NodeCore.js"

/** A shard cannot serve: its host ended, or it could not be opened. */
export class ShardEnded extends Data.TaggedError("ShardEnded")<{
  readonly shard: Shard
  readonly error: SkeinError
  /** What its supervisor is to do. */
  readonly after: Policy.Ending
}> {
  override get message(): string {
    return `${shardName(this.shard)}: ${this.error.message}`
  }
}

/** Called once for each end of a shard, and for each opening that failed. */
export type JudgeEnd = (shard: Shard, error: SkeinError) => Policy.Ending

export const shardPolicy = Policy.make<ShardEnded>({
  errors: { ShardEnded: ({ after }) => after },
  defect: "escalate",
})

export const shardChild = (core: NodeCore, shard: Shard, judge: JudgeEnd) => {
  const ended = (error: SkeinError) =>
    Effect.suspend(() => new ShardEnded({ shard, error, after: judge(shard, error) }))
  return Child.fiber({
    name: shardName(shard),
    start: Effect.catchAll(openShard(core, shard), ended),
    run: (host: ShardHost) =>
      Effect.flatMap(
        Effect.promise(() => host.closedBecause),
        ended,
      ),
  })
}

const openShard = (
  core: NodeCore,
  shard: Shard,
): Effect.Effect<ShardHost, SkeinError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({ try: () => core.openShard(shard), catch: asSkeinError }),
    () => Effect.promise(() => core.closeShard(shard)),
  )
