/**
 * Owns: a node under supervision: the journal's health, the shard hosts, what else the caller adds
 * (the client port, the engine). A shard that ends is opened again under a new epoch; a journal
 * that cannot commit any more ends the node; too many restarts end it too, with a report. A node
 * among others gives a shard up instead (`keptShards`).
 * Must not know: command lines, signals, which journal it is.
 *
 * Start order: journal watch, shards (s000 first), then the doors. Shutdown is the reverse: the
 * port drains, the engine lets go, each shard commits its last record and writes a checkpoint (s000
 * last), and only then the caller closes the journal.
 */
import type { Journal } from "@skein/journal"
import { type Clock, type SkeinError, shardName } from "@skein/model"
import {
  Child,
  Policy,
  Supervisor,
  type SupervisorFailure,
  type TreeNode,
} from "@skein/supervision"
import type { ClusterStatus, TreeEntry } from "@skein/wire"
import { Data, Effect, type Scope } from "effect"
import { type ClusterOptions, keptShards } from "./keptShards.js"
import { NodeCore, type OutsideOfCore } from "./NodeCore.js"
import { type JudgeEnd, shardChild, shardPolicy } from "./shardChild.js"

/** The journal can never commit again: an fsync failed. */
export class JournalFailed extends Data.TaggedError("JournalFailed")<{
  readonly error: SkeinError
}> {
  override get message(): string {
    return this.error.message
  }
}

/** A door (port, engine) could not be opened. */
export class DoorFailed extends Data.TaggedError("DoorFailed")<{ readonly error: SkeinError }> {
  override get message(): string {
    return this.error.message
  }
}

/** What only the process and its doors know. */
export type OutsideStatus = Omit<OutsideOfCore, "tree">

export interface NodeOptions<R = never> {
  readonly journal: Journal
  readonly clock: Clock
  readonly shards: number
  readonly outside: () => OutsideStatus
  /** Contained faults, and each end of a shard: for the log. Never holds a body or a token. */
  readonly onFault: (where: string, error: SkeinError) => void
  /** What an operator should know and nobody has to act on. Default: it is not told. */
  readonly onNotice?: (where: string, text: string) => void
  /** The fabric as this node knows it. Default: it is the only node. */
  readonly clusterStatus?: () => ClusterStatus
  /**
   * This node is one of many: it opens what the table gives it. Its doors do not wait for the
   * shards. Default: it has all shards, and another owner of one of them ends it.
   */
  readonly cluster?: ClusterOptions
  /** Children that start after the shards and stop before them. */
  readonly doors?: (core: NodeCore) => readonly Child.Child<DoorFailed, never, R>[]
}

export interface RunningNode {
  readonly core: NodeCore
  /** Fails when the node has given up; all of it is stopped then. */
  readonly failed: Effect.Effect<never, SupervisorFailure>
}

/** Starts a node. Closing the scope stops it in order; nothing confirmed is lost either way. */
export const makeNode = <R = never>(
  options: NodeOptions<R>,
): Effect.Effect<RunningNode, SupervisorFailure, R | Scope.Scope> =>
  Effect.gen(function* () {
    let tree: () => readonly TreeEntry[] = () => []
    const outside = () => ({ ...options.outside(), tree: tree() })
    const core = yield* Effect.acquireRelease(
      Effect.sync(() => new NodeCore({ ...options, ...fabricMapOf(options), outside })),
      (core) => Effect.sync(() => core.stop()),
    )
    const supervisor = yield* Supervisor.make({
      name: "node",
      policy: nodePolicy,
      children: [journalWatch(options.journal), shardsOf(core, options)],
    })
    tree = () => treeRows(Effect.runSync(supervisor.snapshot()))
    for (const door of options.doors?.(core) ?? []) {
      // A door that cannot open escalates: what is wrong is told by `failed`.
      yield* Effect.catchAll(supervisor.startChild(door), () => supervisor.failed)
    }
    return { core, failed: supervisor.failed }
  })

const fabricMapOf = ({ cluster }: Pick<NodeOptions, "cluster">) => {
  if (cluster === undefined) return {}
  const { fabricMap, moves } = cluster
  return { fabricMap, ...(moves && { moves }) }
}

const shardsOf = (
  core: NodeCore,
  options: Pick<NodeOptions, "clock" | "cluster" | "onFault" | "shards">,
) => {
  const { clock, cluster, onFault } = options
  if (cluster === undefined) return allShards(core, options)
  return keptShards(core, { clock, cluster, onFault })
}

const nodePolicy = Policy.make<DoorFailed | JournalFailed | SupervisorFailure>({
  errors: {
    // A port that is taken, a bind that is refused: another try will not help; an operator will.
    DoorFailed: "escalate",
    JournalFailed: "escalate",
    MaxRestarts: "escalate",
    Escalated: "escalate",
  },
  defect: "escalate",
})

/** About a shard of a node that has all of them; among others the keeper decides. */
const shardVerdict = ({ _tag }: SkeinError): Policy.Ending => {
  switch (_tag) {
    // Damage before the durable mark needs a person; the other shards serve meanwhile.
    case "ShardCorrupt":
      return "stop"
    // The journal is gone: it says itself why, and that ends the node.
    case "FabricClosed":
      return "stop"
    // Another process owns what is ours alone: to claim it back would be a tug of war.
    case "Moved":
      return "escalate"
    default:
      return "restart"
  }
}

/** All shards may share one bad commit: each has a restart for that, and some are left. */
const shardIntensity = (shards: number) => ({ restartsMax: shards + 10, windowMs: 60_000 })

const journalWatch = (journal: Journal) =>
  Child.fiber({
    name: "journal",
    run: () =>
      Effect.flatMap(
        Effect.promise(() => journal.failed),
        (error) => new JournalFailed({ error }),
      ),
  })

type ShardsOptions = Pick<NodeOptions, "onFault" | "shards">

/** All shards, always: this node is the only one. */
const allShards = (core: NodeCore, { shards, onFault }: ShardsOptions) => {
  const judge: JudgeEnd = (shard, error) => {
    onFault(shardName(shard), error)
    return shardVerdict(error)
  }
  return Supervisor.child({
    name: "shards",
    policy: shardPolicy,
    intensity: shardIntensity(shards),
    children: Array.from({ length: shards }, (_, shard) => shardChild(core, shard, judge)),
  })
}

/** The tree as rows that an operator reads, parents before children. */
const treeRows = (node: TreeNode, above = ""): readonly TreeEntry[] => {
  const path = above === "" ? node.name : `${above}/${node.name}`
  const { state, restarts, lastCause } = node
  const row = { path, state, restarts, ...(lastCause !== undefined && { lastCause }) }
  return [row, ...(node.children ?? []).flatMap((child) => treeRows(child, path))]
}
