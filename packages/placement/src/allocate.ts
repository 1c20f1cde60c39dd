/**
 * Owns: giving nodes to shards that nobody serves: the largest first, each to the node that will
 * have the least load; to where it was at home when that costs little.
 */
import { type NodeName, type Shard, shardName } from "@skein/model"
import { type ClusterView, nodeNamed } from "./ClusterView.js"
import { rescuers } from "./candidates.js"
import { type LoadedNode, levelOf, levelWith, type Measure, NodeLoads } from "./NodeLoads.js"
import type { Move, Plan } from "./Plan.js"
import type { ShardTable } from "./ShardTable.js"
import { movingOf } from "./ShardTable.js"
import { tuning } from "./Tuning.js"

export const allocate = (
  view: ClusterView,
  table: ShardTable,
  shards: readonly Shard[],
  measure: Measure,
): Plan => {
  const names = rescuers(view, table)
  if (names.length === 0) {
    return { moves: [], spread: { before: 1, after: 1 }, held: "no node serves" }
  }
  const work = new NodeLoads(without(table, shards), names, measure)
  const before = work.spread()
  const largestFirst = [...shards].sort((a, b) => measure.load(b) - measure.load(a) || a - b)
  const moves = largestFirst.map((shard): Move => {
    const target = chosen(view, table, work, shard)
    const reason =
      `${shardName(shard)}: ${whyLost(view, table, shard)}; ` +
      `${target.node} had the least load (${target.shards.size} shards, ` +
      `${levelOf(target).toFixed(3)}) of ${names.join(", ")}${homeIn(table, shard, target)}`
    work.move(shard, undefined, target.node)
    return { shard, from: table.owners[shard], to: target.node, reason, kind: "allocate" }
  })
  return { moves, spread: { before, after: work.spread() } }
}

const without = (table: ShardTable, shards: readonly Shard[]): ShardTable => {
  const lost = new Set(shards)
  return {
    ...table,
    owners: table.owners.map((owner, shard) => (lost.has(shard) ? undefined : owner)),
    moving: movingOf(table).filter(({ shard }) => !lost.has(shard)),
  }
}

const chosen = (
  view: ClusterView,
  table: ShardTable,
  work: NodeLoads,
  shard: Shard,
): LoadedNode => {
  const load = work.loadOf(shard)
  const free = work.nodes.filter(({ node }) => !isBarred(view, shard, node))
  const able = free.length > 0 ? free : work.nodes
  const least = able.reduce((a, b) => (levelWith(b, load) < levelWith(a, load) ? b : a))
  const home = work.get(table.notes?.[shard]?.home ?? "")
  if (home === undefined) return least
  return levelWith(home, load) <= levelWith(least, load) * tuning.spreadBegins ? home : least
}

/** The shard was taken back from the node not long ago. */
export const isBarred = (view: ClusterView, shard: Shard, node: NodeName): boolean => {
  const bar = view.history.bars.get(shard)
  return bar !== undefined && bar.node === node && view.nowMs < bar.untilMs
}

const homeIn = (table: ShardTable, shard: Shard, target: LoadedNode): string =>
  table.notes?.[shard]?.home === target.node ? ", and had it before" : ""

const whyLost = (view: ClusterView, table: ShardTable, shard: Shard): string => {
  const owner = table.owners[shard]
  if (owner === undefined) return "no node had it"
  const node = nodeNamed(view, owner)
  if (node === undefined) return `${owner}, which had it, is not in the fabric`
  if (node.givenUp?.includes(shard)) return `it failed too often on ${owner}`
  const forMs = Math.round(view.nowMs - node.stateSinceMs)
  if (node.state === "silent") return `${owner}, which had it, is silent since ${forMs} ms`
  return `${owner}, which had it, is ${node.state} since ${forMs} ms`
}
