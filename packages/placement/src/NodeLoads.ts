/**
 * Owns: a working copy of who has what, as loads, on which a plan is tried move by move.
 * Must not know: why a move is made.
 */
import { invariant, type NodeName, type Shard } from "@skein/model"
import { loadOfOpenShard } from "./Load.js"
import { movingOf, type ShardTable } from "./ShardTable.js"

/** What a policy means by load and by capacity, at one view. */
export interface Measure {
  /** All shards are alike: every step towards even numbers is worth a move. */
  readonly counting: boolean
  readonly load: (shard: Shard) => number
  /** Positive. */
  readonly capacity: (node: NodeName) => number
}

export interface LoadedNode {
  readonly node: NodeName
  readonly capacity: number
  /** Sum over its shards. */
  load: number
  readonly shards: Set<Shard>
}

/** Load relative to capacity: what is compared between nodes. */
export const levelOf = ({ load, capacity }: LoadedNode): number => load / capacity

/** The level with `more` (or less) load on it. */
export const levelWith = ({ load, capacity }: LoadedNode, more: number): number =>
  (load + more) / capacity

export class NodeLoads {
  readonly nodes: readonly LoadedNode[]
  private readonly byName = new Map<NodeName, LoadedNode>()
  private readonly loads: readonly number[]

  /** `names`: the nodes to look at; shards of others are nowhere. A shard that moves is there. */
  constructor(table: ShardTable, names: readonly NodeName[], measure: Measure) {
    this.nodes = [...names].sort().map((node) => {
      const capacity = measure.capacity(node)
      invariant(capacity > 0, "a node's capacity is positive")
      return { node, capacity, load: 0, shards: new Set<Shard>() }
    })
    for (const each of this.nodes) this.byName.set(each.node, each)
    const destinations = new Map(movingOf(table).map(({ shard, to }) => [shard, to]))
    this.loads = table.owners.map((_, shard) => measure.load(shard))
    table.owners.forEach((owner, shard) => {
      this.put(shard, destinations.get(shard) ?? owner)
    })
  }

  loadOf(shard: Shard): number {
    return this.loads[shard]
  }

  get(node: NodeName): LoadedNode | undefined {
    return this.byName.get(node)
  }

  move(shard: Shard, from: NodeName | undefined, to: NodeName): void {
    const source = from === undefined ? undefined : this.byName.get(from)
    if (source?.shards.delete(shard) === true) source.load -= this.loads[shard]
    this.put(shard, to)
  }

  /** Busiest first; of equals, by name. */
  byLevel(): LoadedNode[] {
    return [...this.nodes].sort((a, b) => levelOf(b) - levelOf(a) || (a.node < b.node ? -1 : 1))
  }

  /**
   * Busiest divided by idlest, 1 when there is only one. A node without shards counts as if it had
   * half an idle one, so that the answer is a number.
   */
  spread(): number {
    if (this.nodes.length < 2) return 1
    const levels = this.nodes.map(levelOf)
    const floor = loadOfOpenShard / 2
    return Math.max(floor, ...levels) / Math.max(floor, Math.min(...levels))
  }

  private put(shard: Shard, node: NodeName | undefined): void {
    const target = node === undefined ? undefined : this.byName.get(node)
    if (target === undefined) return
    target.shards.add(shard)
    target.load += this.loads[shard]
  }
}
