/**
 * Owns: the table shard -> node as a value. It says who should have a shard; who has it is said by
 * the shard's owner token. Nodes are named by their stable names, so that one that comes back
 * quickly finds its shards where they were.
 * Must not know: where it is stored, who writes it.
 */
import type { NodeName, Shard } from "@skein/model"

export interface ShardTable {
  /** Rises by one with each change; 0: nobody has written one yet. */
  readonly version: number
  /** One entry a shard, by its number; `undefined`: no node has it. */
  readonly owners: readonly (NodeName | undefined)[]
  /** Nodes that an operator has told to give up their shards, until they are revived. */
  readonly draining: readonly NodeName[]
}

/** The table of a fabric that has never had a manager. */
export const emptyTable = (shards: number): ShardTable => ({
  version: 0,
  owners: Array.from({ length: shards }, () => undefined),
  draining: [],
})

/** The shards of a node, ascending. */
export const shardsOf = (table: ShardTable, node: NodeName): Shard[] => {
  const shards: Shard[] = []
  for (let shard = 0; shard < table.owners.length; shard++) {
    if (table.owners[shard] === node) shards.push(shard)
  }
  return shards
}
