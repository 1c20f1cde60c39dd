/**
 * Owns: which shards this node must begin to open and which to close, as a pure difference between
 * what the table gives it and what it holds. s000 comes first: it holds the catalog.
 */
import type { NodeName, Shard } from "@skein/model"
import { type ShardTable, shardsOf } from "@skein/placement"

export interface ShardChanges {
  /** Ascending. */
  readonly open: readonly Shard[]
  /** Ascending. */
  readonly close: readonly Shard[]
}

/**
 * A shard that the table gives to nobody, or to a node that is not living, is kept: to close it
 * would serve no one, and the token alone says who may commit.
 */
export const shardChanges = (
  table: ShardTable,
  self: NodeName,
  held: ReadonlySet<Shard>,
  isLiving: (shard: Shard) => boolean,
): ShardChanges => {
  const open = shardsOf(table, self).filter((shard) => !held.has(shard))
  const close: Shard[] = []
  for (const shard of held) {
    const owner = table.owners[shard]
    if (owner !== undefined && owner !== self && isLiving(shard)) close.push(shard)
  }
  return { open, close: close.sort((a, b) => a - b) }
}
