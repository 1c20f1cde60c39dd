/**
 * Owns: what a node of a cluster has beside, or in place of, what a single node has: the one place
 * where `serveNode` meets the cluster. Types only: a single node loads nothing of it.
 */
import type { NodeIdentity, openNode } from "@skein/embedded/openNode"
import type { Failpoints } from "@skein/journal"
import type { SkeinError } from "@skein/model"
import type { ClientPortOptions, NodeCore } from "@skein/node"
import type { Admin, ClusterStatus } from "@skein/wire"
import type { Effect, Scope } from "effect"

export interface ClusterSeam {
  /** In place of a single node's: the directory is shared, shards open as the table says. */
  readonly openNode: typeof openNode
  /** The control plane of all nodes; closed with the scope. */
  readonly admin: (
    core: NodeCore,
    identity: NodeIdentity,
  ) => Effect.Effect<Admin, SkeinError, Scope.Scope>
  /** What the port of such a node has more: the shard map, the bootstrap address, the secret. */
  readonly port: (identity: NodeIdentity) => Partial<ClientPortOptions>
  /** Tells the other nodes where clients and they can reach this one. Awaited before "ready". */
  readonly reachable: (address: string) => Promise<void>
  /** The fabric as this node knows it. */
  readonly status: () => ClusterStatus
}

export interface ClusterSettings {
  readonly dir: string
  readonly node: string
  readonly host: string
  /** `host:port` that some living node listens on. */
  readonly bootstrap: string | undefined
  /** Stops this process in order; absent: nobody would start it again. */
  readonly restart: (() => void) | undefined
  /** For tests: where this node stands still. */
  readonly failpoints: Failpoints | undefined
}
