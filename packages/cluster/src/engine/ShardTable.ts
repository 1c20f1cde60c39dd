/**
 * Owns: the port to the table shard -> node as the engine sees it, and the fixed table of one node.
 * Must not know: the engine. Who may commit is decided by owner tokens, not here.
 */
import type { Shard } from "@skein/model"

export interface NodeAddress {
  readonly host: string
  readonly port: number
}

export interface ShardTable {
  readonly shards: number
  readonly nodes: () => readonly NodeAddress[]
  readonly owner: (shard: Shard) => NodeAddress
  /** Resolves when the table is no longer at this version. A fixed table stays for ever. */
  readonly changed: (version: number) => Promise<void>
  readonly version: () => number
}

/** One node that has all shards. */
export const fixedTable = (node: NodeAddress, shards: number): ShardTable => ({
  shards,
  nodes: () => [node],
  owner: () => node,
  changed: () => new Promise(() => {}),
  version: () => 1,
})
