/**
 * Owns: the policies: values with two pure methods. They differ in what they mean by load and by
 * capacity; how shards are given and evened out is the same for all (allocate.ts, rebalance.ts).
 */
import type { NodeName, Shard } from "@skein/model"
import { allocate } from "./allocate.js"
import { type ClusterView, nodeNamed } from "./ClusterView.js"
import { loadOf, loadOfOpenShard, workOf } from "./Load.js"
import type { Measure } from "./NodeLoads.js"
import type { Plan } from "./Plan.js"
import { rebalance } from "./rebalance.js"
import type { ShardTable } from "./ShardTable.js"
import { tuning } from "./Tuning.js"

export type PolicyName = "least-loaded" | "round-robin" | "weighted"

export interface Policy {
  readonly name: PolicyName
  /**
   * A node for each of `shards`, which have no living owner. Every one gets a move, unless no node
   * serves at all.
   */
  readonly allocate: (view: ClusterView, table: ShardTable, shards: readonly Shard[]) => Plan
  /**
   * Moves of shards that are served, at most `limits.movesPerRoundMax`: first off nodes that are
   * draining or leaving, then from busy nodes to idle ones. Nothing while moves are under way, or
   * (for balance) while a node joins, leaves or is silent.
   */
  readonly rebalance: (view: ClusterView, table: ShardTable) => Plan
}

const policyOf = (name: PolicyName, measure: (view: ClusterView) => Measure): Policy => ({
  name,
  allocate: (view, table, shards) => allocate(view, table, shards, measure(view)),
  rebalance: (view, table) => rebalance(view, table, measure(view)),
})

const isIdle = (view: ClusterView): boolean => {
  let work = 0
  for (const load of view.loads.values()) work += workOf(load)
  return work < tuning.idleLoad
}

const byLoad = (view: ClusterView, capacity: Measure["capacity"]): Measure => {
  const counting = isIdle(view)
  const load = (shard: Shard) => (counting ? loadOfOpenShard : loadOf(view.loads.get(shard)))
  return { counting, load, capacity }
}

const equal = (): number => 1

/** Work (Load.ts) evenly over the nodes; an idle fabric by the count of shards. */
export const leastLoaded: Policy = policyOf("least-loaded", (view) => byLoad(view, equal))

/** As least-loaded, each node's load in proportion to its weight. */
export const weighted: Policy = policyOf("weighted", (view) =>
  byLoad(view, (node: NodeName) => nodeNamed(view, node)?.weight ?? 1),
)

/** Shards in turn over the nodes in the order of their names, whatever the shards do. */
export const roundRobin: Policy = policyOf("round-robin", () => ({
  counting: true,
  load: () => loadOfOpenShard,
  capacity: equal,
}))

export const policies: Readonly<Record<PolicyName, Policy>> = {
  "least-loaded": leastLoaded,
  "round-robin": roundRobin,
  weighted,
}
