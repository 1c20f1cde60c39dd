/**
 * Owns: the supervisor of the shards of a node among others: its children come and go as the
 * keeper says from the table. A shard that fails is opened again here some times, then given up;
 * neither that nor a shard that another node took ends the node.
 * Must not know: when a shard is wanted (ShardKeeper), how it is opened (shardChild).
 *
 * Shutdown: planned moves are taken back, the keeper stops, then the children in reverse order of
 * their start.
 */
import { type FabricMap, ShardKeeper } from "@skein/cluster"
import {
  asSkeinError,
  type Clock,
  type InstanceId,
  type Shard,
  type SkeinError,
  shardName,
} from "@skein/model"
import { Child, type StartChildError, Supervisor, supervisionLimits } from "@skein/supervision"
import { Effect, Runtime } from "effect"
import type { MoveOptions, NodeCore } from "./NodeCore.js"
import { type JudgeEnd, type ShardEnded, shardChild, shardPolicy } from "./shardChild.js"

/** What makes a node one of many. */
export interface ClusterOptions {
  readonly fabricMap: FabricMap
  /** Reads the stored table again; its news has been told when it resolves. Never rejects. */
  readonly reread: () => Promise<void>
  /** The instance that holds the shard's token now. */
  readonly holderOf: (shard: Shard) => Promise<InstanceId | undefined>
  /** They failed too often on this node, which serves on without them: to be placed elsewhere. */
  readonly onGivenUp: (shards: readonly Shard[]) => void
  /** How shards move by plan. Default: they do not. */
  readonly moves?: MoveOptions
}

export interface KeptShardsOptions {
  readonly clock: Clock
  readonly cluster: ClusterOptions
  readonly onFault: (where: string, error: SkeinError) => void
}

type Shards = Supervisor.Supervisor<ShardEnded>

export const keptShards = (core: NodeCore, options: KeptShardsOptions) =>
  Child.fiber({
    name: "shards",
    // Bounded by the timeouts of the shards.
    stopTimeoutMs: Number.POSITIVE_INFINITY,
    start: Effect.gen(function* () {
      const shards: Shards = yield* Supervisor.make({
        name: "shards",
        policy: shardPolicy,
        // The keeper bounds the restarts of each shard: all of them together end no node.
        intensity: { restartsMax: supervisionLimits.restartsMax, windowMs: 60_000 },
      })
      const keeper = yield* makeKeeper(core, shards, options)
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          core.keptBy({
            adopt: (shard) => keeper.adopt(shard),
            leave: (shard) => keeper.leave(shard),
          })
          keeper.start()
        }),
        () =>
          Effect.promise(async () => {
            await core.moves?.stop()
            keeper.stop()
          }),
      )
      return shards
    }),
    run: (shards) => shards.failed,
  })

const makeKeeper = (core: NodeCore, shards: Shards, options: KeptShardsOptions) =>
  Effect.map(Effect.runtime<never>(), (runtime) => {
    const { clock, cluster, onFault } = options
    const { fabricMap, reread, holderOf, onGivenUp } = cluster
    const run = Runtime.runPromise(runtime)
    const judge: JudgeEnd = (shard, error) => {
      if (error._tag !== "Moved" || !keeper.hasLeft(shard)) onFault(shardName(shard), error)
      return keeper.ended(shard, error)
    }
    const open = (shard: Shard) =>
      // One that ended is still listed under its name.
      Effect.zipRight(
        shards.stopChild(shardName(shard)),
        Effect.catchAll(shards.startChild(shardChild(core, shard, judge)), leftClosed),
      )
    const keeper = new ShardKeeper({
      fabric: fabricMap,
      clock,
      open: (shard) => run(open(shard)),
      close: (shard) => run(Effect.asVoid(shards.stopChild(shardName(shard)))),
      reread,
      holderOf,
      onGivenUp,
      onFault: (shard, cause) => onFault(shardName(shard), asSkeinError(cause)),
    })
    return keeper
  })

/** A start that the keeper has judged already is no fault of the call. */
const leftClosed = (error: StartChildError) =>
  error._tag === "ChildStartFailed" || error._tag === "SupervisorClosed"
    ? Effect.void
    : Effect.fail(error)
