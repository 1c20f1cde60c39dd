/**
 * Owns: the table shard -> node as a value. It says who should have a shard; who has it is said by
 * the shard's owner token. Nodes are named by their stable names, so that one that comes back
 * quickly finds its shards where they were.
 * Must not know: where it is stored, who writes it.
 */
import { limits, type NodeName, type Shard } from "@skein/model"

/** What managers remember of a shard, also over a change of the manager. */
export interface ShardNote {
  /** Why the shard is where it is: a sentence for a person. */
  readonly reason: string
  /** The node that lost it without a plan of balance: where it goes back to, other things equal. */
  readonly home?: NodeName
}

/** A planned move that has begun: its owner in the table is still `from`. */
export interface MovingShard {
  readonly shard: Shard
  readonly to: NodeName
}

export interface ShardTable {
  /** Rises by one with each change; 0: nobody has written one yet. */
  readonly version: number
  /** One entry a shard, by its number; `undefined`: no node has it. */
  readonly owners: readonly (NodeName | undefined)[]
  /** Nodes that an operator has told to give up their shards, until they are revived. */
  readonly draining: readonly NodeName[]
  /** By shard; absent: nothing is remembered. */
  readonly notes?: readonly (ShardNote | undefined)[]
  /** Absent: none. `from` keeps the shard, and must not claim it back while it is here. */
  readonly moving?: readonly MovingShard[]
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

export interface Assignment {
  readonly shard: Shard
  readonly to: NodeName
  readonly reason: string
}

/**
 * The next version, with shards given to other nodes; each of them ends its move. `keepsHome`: they
 * left without a plan of balance (their node was lost or drained), so that their last owner is
 * remembered as home; a shard that was already away keeps the home that it has.
 */
export const assigned = (
  table: ShardTable,
  assignments: readonly Assignment[],
  keepsHome: boolean,
): ShardTable => {
  const owners = [...table.owners]
  const notes = Array.from(owners, (_, shard) => table.notes?.[shard])
  const given = new Set<Shard>()
  for (const { shard, to, reason } of assignments) {
    const home = keepsHome ? (notes[shard]?.home ?? owners[shard]) : undefined
    const cut = reason.slice(0, limits.reasonCharactersMax)
    notes[shard] = home === undefined || home === to ? { reason: cut } : { reason: cut, home }
    owners[shard] = to
    given.add(shard)
  }
  const moving = movingOf(table).filter(({ shard }) => !given.has(shard))
  return { version: table.version + 1, owners, draining: table.draining, notes, moving }
}

export const movingOf = (table: ShardTable): readonly MovingShard[] => table.moving ?? []

export const withMoving = (table: ShardTable, moving: readonly MovingShard[]): ShardTable => ({
  ...table,
  version: table.version + 1,
  moving,
})

export const withDraining = (table: ShardTable, draining: readonly NodeName[]): ShardTable => ({
  ...table,
  version: table.version + 1,
  draining,
})
