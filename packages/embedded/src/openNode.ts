/**
 * Owns: a node with its journal, without a port: what `Fabric.embedded` and `skein node start` have
 * in common. The doors are the caller's.
 * Must not know: sockets, the client library, signals.
 *
 * Shutdown order: what makes it one of many (`joinCluster`), doors, shards (each with a
 * checkpoint), then the journal.
 */

import type { MovePeer } from "@skein/cluster"
import {
  type Disk,
  type Failpoints,
  type Journal,
  memoryJournal,
  newInstanceId,
  systemClock,
  systemRandom,
} from "@skein/journal"
import { type FileJournal, openFileJournal } from "@skein/journal-file"
import { isSkeinError, limits, type NodeName, type SkeinError, skeinError } from "@skein/model"
import { makeNode, type NodeCore, type NodeOptions } from "@skein/node"
import type { ClusterStatus, NodeStatus } from "@skein/wire"
import { Cause, Effect, Exit, Scope } from "effect"
import {
  type ClusterPorts,
  type JoinedCluster,
  joinCluster,
  type NodeCluster,
  type NodeManager,
} from "./joinCluster.js"

export type { ClusterPorts, NodeCluster, NodeManager } from "./joinCluster.js"

export interface NodeIdentity {
  readonly fabricId: string
  readonly instance: string
  readonly shards: number
}

type Doors = ReturnType<NonNullable<NodeOptions["doors"]>>

export type Storage = { readonly dir: string } | { readonly memory: true }

/** A directory that other nodes of the same fabric may use too: the table gives out the shards. */
export interface SharedStorage {
  readonly dir: string
  readonly shared: true
  readonly ports: (journal: FileJournal) => ClusterPorts
}

export interface OpenNodeOptions {
  readonly storage: SharedStorage | Storage
  /** For a fabric that is created now; one that exists with another number is refused. */
  readonly shards?: number
  /** The file system under `dir`. Default: the local one. */
  readonly disk?: Disk
  /** For tests, with a directory: told of the steps of commits, takeovers and moves. */
  readonly failpoints?: Failpoints
  /** Default "embedded". */
  readonly nodeName?: string
  readonly version: string
  /** Children that start after the shards and stop before them. */
  readonly doors?: (core: NodeCore, identity: NodeIdentity) => Doors
  readonly outside?: () => Pick<NodeStatus, "address" | "connections">
  /** On shared storage: the manager that this node starts, and that is active at most once. */
  readonly manager?: (cluster: NodeCluster) => NodeManager
  /** On shared storage: another node, for planned moves. Default: there are none. */
  readonly peerOf?: (node: NodeName) => MovePeer
  /** Contained faults, for a log. Default: they are not told. */
  readonly onFault?: (where: string, error: SkeinError) => void
  /** What nobody has to act on, for a log. Default: it is not told. */
  readonly onNotice?: (where: string, text: string) => void
  /** The fabric as this node knows it. Default: it is the only node. */
  readonly clusterStatus?: () => ClusterStatus
}

export interface OpenNode extends NodeIdentity {
  readonly core: NodeCore
  /** On shared storage only. */
  readonly cluster?: NodeCluster
  /** Resolves when the node has given up (an fsync failed, too many restarts). */
  readonly failed: Promise<SkeinError>
  /**
   * Drains, checkpoints and closes; nothing confirmed is lost without it. Again: the same promise.
   */
  readonly close: () => Promise<void>
}

/**
 * Rejects with DirectoryInUse, DirectoryForeign, DirectoryUnusable, ConfigInvalid, or a door's
 * error.
 */
export const openNode = async (options: OpenNodeOptions): Promise<OpenNode> => {
  const { journal, identity, cluster } = await openJournal(options)
  const scope = Effect.runSync(Scope.make())
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= closeAll(scope, journal, cluster)
    return closing
  }
  const { doors, outside, onFault = () => {}, onNotice, clusterStatus } = options
  const make = makeNode({
    journal,
    clock: systemClock,
    shards: identity.shards,
    outside: () => ({
      address: "",
      connections: 0,
      ...outside?.(),
      ...statusOf(options, identity),
    }),
    onFault,
    ...(cluster !== undefined && { cluster: cluster.options }),
    ...(onNotice !== undefined && { onNotice }),
    ...(clusterStatus !== undefined && { clusterStatus }),
    ...(doors !== undefined && { doors: (core: NodeCore) => doors(core, identity) }),
  })
  const made = await Effect.runPromiseExit(Scope.extend(make, scope))
  if (Exit.isFailure(made)) {
    await close().catch(() => {})
    throw rootError(made.cause)
  }
  const { core, failed } = made.value
  cluster?.start()
  const gaveUp = Effect.runPromiseExit(failed).then((exit) =>
    rootError(Exit.isFailure(exit) ? exit.cause : Cause.empty),
  )
  // A journal that failed is known before the supervisor has stopped all that rests on it.
  const either = Promise.race([journal.failed, gaveUp])
  return { ...identity, core, ...(cluster !== undefined && { cluster }), failed: either, close }
}

const closeAll = async (
  scope: Scope.CloseableScope,
  journal: Journal,
  cluster: JoinedCluster | undefined,
): Promise<void> => {
  // A sign that cannot be given is missed by nobody: silence says the same a little later.
  await cluster?.leave().catch(() => {})
  try {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  } finally {
    await cluster?.close()
    await journal.close()
  }
}

const statusOf = (options: OpenNodeOptions, { fabricId, instance }: NodeIdentity) => ({
  fabricId,
  instance,
  node: options.nodeName ?? "embedded",
  version: options.version,
  pid: process.pid,
  rssBytes: process.memoryUsage.rss(),
  limits,
})

interface OpenJournal {
  readonly journal: Journal
  readonly identity: NodeIdentity
  readonly cluster?: JoinedCluster
}

const openJournal = async (options: OpenNodeOptions): Promise<OpenJournal> => {
  const { storage, shards, nodeName, disk, failpoints } = options
  if (!("dir" in storage)) {
    const identity = {
      fabricId: newInstanceId(systemRandom),
      instance: newInstanceId(systemRandom),
      shards: shards ?? limits.shardsDefault,
    }
    return { journal: memoryJournal(), identity }
  }
  const journal = await openFileJournal({
    dir: storage.dir,
    ...(shards !== undefined && { shards }),
    ...(nodeName !== undefined && { nodeName }),
    ...(disk !== undefined && { disk }),
    ...(failpoints !== undefined && { failpoints }),
    ...("shared" in storage && { shared: true }),
  })
  if (shards !== undefined && journal.shards !== shards) {
    await journal.close()
    throw skeinError(
      "ConfigInvalid",
      `the fabric in ${storage.dir} has ${journal.shards} shards, not ${shards}: they are fixed`,
      { shards: journal.shards },
    )
  }
  const identity = identityOf(journal)
  if (!("shared" in storage)) return { journal, identity }
  try {
    return { journal, identity, cluster: await join(journal, storage, options) }
  } catch (error) {
    await journal.close()
    throw error
  }
}

const join = (journal: FileJournal, { ports }: SharedStorage, options: OpenNodeOptions) => {
  const { manager, peerOf, onFault = () => {}, onNotice = () => {} } = options
  return joinCluster(journal, {
    ports: ports(journal),
    onFault,
    onNotice,
    ...(peerOf !== undefined && { peerOf }),
    ...(manager !== undefined && { manager }),
  })
}

const identityOf = ({ fabricId, instance, shards }: FileJournal): NodeIdentity => ({
  fabricId,
  instance,
  shards,
})

/** What ended the node, out of the supervisors' reports around it. */
const rootError = (cause: Cause.Cause<unknown>): SkeinError => {
  for (const failure of [...Cause.failures(cause), ...Cause.defects(cause)]) {
    if (isSkeinError(failure)) return failure
    if (typeof failure !== "object" || failure === null) continue
    if ("error" in failure && isSkeinError(failure.error)) return failure.error
    if ("cause" in failure && Cause.isCause(failure.cause)) return rootError(failure.cause)
  }
  return skeinError("InternalError", `the node gave up: ${Cause.pretty(cause)}`, {}, { cause })
}
