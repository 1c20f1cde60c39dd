/**
 * Owns: what a node knows of its fabric at this moment: who should have which shard, and which
 * nodes are there. Everybody in the node who needs the one or the other asks here.
 * Must not know: how it was learned; who may commit (tokens say that).
 */
import type { SeenNode } from "@skein/journal"
import type { NodeName, Shard } from "@skein/model"
import type { ShardTable } from "@skein/placement"

export interface FabricMap {
  readonly self: NodeName
  /** Rises with each change of the table, of the nodes or of their addresses. */
  readonly version: () => number
  readonly table: () => ShardTable
  readonly nodes: () => readonly SeenNode[]
  /** The node that should have the shard and is not silent. */
  readonly ownerOf: (shard: Shard) => SeenNode | undefined
  /** `listener` is called after each change; the answer ends that. */
  readonly onChange: (listener: () => void) => () => void
}
