/**
 * Owns: the calls about nodes and placement as effects. What each does is said at the same name of
 * SkeinClient.
 */
import type {
  BackupPage,
  BackupRequest,
  ClientList,
  DecisionPage,
  DecisionsRequest,
  MovePlan,
  NumberedDecision,
  ShardBackup,
  ShardLoads,
} from "@skein/wire"
import { Effect, Stream } from "effect"
import type { CallOptions } from "../Deadline.js"
import type { FollowOptions } from "../followDecisions.js"
import type { SkeinClient } from "../SkeinClient.js"
import { type ClusterError, call, clusterTags, narrow } from "./errors.js"
import { Skein } from "./Skein.js"

type Options = Omit<CallOptions, "signal">

/** Takes all shards from the node, and gives it none until it is revived. */
export const drainNode = (
  node: string,
  options?: Options,
): Effect.Effect<void, ClusterError, Skein> =>
  asked((client, signal) => client.drainNode(node, { ...options, signal }))

/** Lets a drained node have shards again. */
export const reviveNode = (
  node: string,
  options?: Options,
): Effect.Effect<void, ClusterError, Skein> =>
  asked((client, signal) => client.reviveNode(node, { ...options, signal }))

/** What the next round of balancing would do; nothing is done. */
export const planMoves = (options?: Options): Effect.Effect<MovePlan, ClusterError, Skein> =>
  asked((client, signal) => client.planMoves({ ...options, signal }))

/** Begins the moves of that plan now, and answers them. */
export const rebalance = (options?: Options): Effect.Effect<MovePlan, ClusterError, Skein> =>
  asked((client, signal) => client.rebalance({ ...options, signal }))

/** Why the shard is where it is, most important first. */
export const whyShard = (
  shard: number,
  options?: Options,
): Effect.Effect<readonly string[], ClusterError, Skein> =>
  asked((client, signal) => client.whyShard(shard, { ...options, signal }))

/** Succeeds when `node` serves the shard. */
export const moveShard = (
  shard: number,
  node: string,
  options?: Options,
): Effect.Effect<void, ClusterError, Skein> =>
  asked((client, signal) => client.moveShard(shard, node, { ...options, signal }))

/** What the manager did and saw, by number. */
export const decisions = (
  request?: DecisionsRequest,
  options?: Options,
): Effect.Effect<DecisionPage, ClusterError, Skein> =>
  asked((client, signal) => client.decisions(request, { ...options, signal }))

/**
 * What the manager does and sees, from the oldest that it remembers, each once and without an end.
 * `everyMs`: how often it is asked for news; default 500.
 */
export const decisionStream = (
  options: Pick<FollowOptions, "everyMs"> = {},
): Stream.Stream<NumberedDecision, ClusterError, Skein> =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const client = yield* Skein
      const stop = yield* Effect.acquireRelease(
        Effect.sync(() => new AbortController()),
        (controller) => Effect.sync(() => controller.abort()),
      )
      return Stream.fromAsyncIterable(
        client.followDecisions({ ...options, signal: stop.signal }),
        (error) => narrow(clusterTags, error),
      )
    }),
  )

/** What each shard did in about the last second. */
export const shardLoads = (options?: Options): Effect.Effect<ShardLoads, ClusterError, Skein> =>
  asked((client, signal) => client.shardLoads({ ...options, signal }))

/** Has that process of the node stop in order, for its supervisor to start another. */
export const restartNode = (
  node: string,
  instance: string,
  options?: Options,
): Effect.Effect<void, ClusterError, Skein> =>
  asked((client, signal) => client.restartNode(node, instance, { ...options, signal }))

/** Who is connected to `node`; without one, to any node. */
export const clients = (
  node?: string,
  options?: Options,
): Effect.Effect<ClientList, ClusterError, Skein> =>
  asked((client, signal) => client.clients(node, { ...options, signal }))

const asked = <A>(
  ask: (client: SkeinClient, signal: AbortSignal) => Promise<A>,
): Effect.Effect<A, ClusterError, Skein> =>
  Effect.flatMap(Skein, (client) => call(clusterTags, (signal) => ask(client, signal)))

/** Takes hold of a shard as it is now, to be read by `readBackup`. */
export const beginBackup = (
  shard: number,
  options?: Options,
): Effect.Effect<ShardBackup, ClusterError, Skein> =>
  asked((client, signal) => client.beginBackup(shard, { ...options, signal }))

/** The next page of it, or the newest again. */
export const readBackup = (
  request: BackupRequest,
  options?: Options,
): Effect.Effect<BackupPage, ClusterError, Skein> =>
  asked((client, signal) => client.readBackup(request, { ...options, signal }))
