/**
 * Owns: small fabrics for the tests of placement, and arbitrary ones for properties.
 */
import type { NodeName, Shard } from "@skein/model"
import type { FastCheck } from "effect"
import { type ClusterView, type NodeView, noHistory, type ShardLoad } from "../ClusterView.js"
import { loadOf } from "../Load.js"
import type { Plan } from "../Plan.js"
import type { Policy } from "../Policy.js"
import { assigned, type ShardTable } from "../ShardTable.js"

/** Long after everything that holds up balance. */
export const lateMs = 1_000_000

export const nodeOf = (node: NodeName, more: Partial<NodeView> = {}): NodeView => ({
  node,
  instance: `${node}#1`,
  sinceMs: 0,
  stateSinceMs: 0,
  state: "serving",
  weight: 1,
  ...more,
})

export const names = (count: number): NodeName[] =>
  Array.from({ length: count }, (_, at) => `n${at + 1}`)

/** A shard that works so much of a thread. */
export const busy = (shard: Shard, work: number): ShardLoad => ({
  shard,
  busy: work,
  messagesPerSecond: work * 400_000,
  bytesPerSecond: work * 1e6,
  depth: 0,
  confirmP99Ms: 3,
})

export const viewOf = (
  nodes: readonly NodeView[],
  works: readonly number[] = [],
  nowMs = lateMs,
): ClusterView => ({
  nowMs,
  nodes,
  loads: new Map(works.map((work, shard) => [shard, busy(shard, work)])),
  history: noHistory,
})

export const tableOf = (owners: readonly (NodeName | undefined)[]): ShardTable => ({
  version: 1,
  owners,
  draining: [],
})

/** The table after all moves of a plan were done. */
export const carriedOut = (table: ShardTable, plan: Plan): ShardTable =>
  plan.moves.length === 0 ? table : assigned(table, plan.moves, plan.moves[0]?.kind !== "balance")

/** Rounds of balance until one has no moves; every round long after the last. */
export const balanced = (
  policy: Policy,
  view: ClusterView,
  start: ShardTable,
  roundsMax = 200,
): { readonly table: ShardTable; readonly plans: readonly Plan[] } => {
  let table = start
  const plans: Plan[] = []
  while (plans.length < roundsMax) {
    const plan = policy.rebalance(view, table)
    if (plan.moves.length === 0) break
    plans.push(plan)
    table = carriedOut(table, plan)
  }
  return { table, plans }
}

/** Each node's level: load by capacity, written anew: an oracle shares no code. */
export const levels = (view: ClusterView, table: ShardTable, useWeights: boolean) =>
  view.nodes.map(({ node, weight }) => {
    let load = 0
    const shards: number[] = []
    table.owners.forEach((owner, shard) => {
      if (owner !== node) return
      load += loadOf(view.loads.get(shard))
      shards.push(loadOf(view.loads.get(shard)))
    })
    const capacity = useWeights ? weight : 1
    return { node, level: load / capacity, capacity, shards }
  })

export interface World {
  readonly view: ClusterView
  readonly table: ShardTable
}

/**
 * Loads from none at all over even ones to a few hot shards; any owners, also strange ones. `fc`:
 * the tests bring it, because this file is none.
 */
export const worlds = (fc: typeof FastCheck, strangers: boolean): FastCheck.Arbitrary<World> =>
  fc
    .record({
      nodes: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 7 }),
      works: fc.array(
        fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.05, noNaN: true }), fc.constant(0.7)),
        { minLength: 1, maxLength: 70 },
      ),
      owners: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 70, maxLength: 70 }),
    })
    .map(({ nodes, works, owners }) => {
      const all = nodes.map((weight, at) => nodeOf(`n${at + 1}`, { weight }))
      const own = owners.slice(0, works.length).map((place) => {
        if (strangers && place === 9) return undefined
        if (strangers && place === 8) return "gone"
        return `n${(place % all.length) + 1}`
      })
      return { view: viewOf(all, works), table: tableOf(own) }
    })
