/**
 * Owns: which nodes may be given shards, and which have to give theirs up.
 */
import type { NodeName } from "@skein/model"
import type { ClusterView, NodeView } from "./ClusterView.js"
import type { ShardTable } from "./ShardTable.js"
import { tuning } from "./Tuning.js"

/** The nodes that may get shards by a plan: they serve and are not drained. */
export const candidates = (view: ClusterView, table: ShardTable): NodeName[] =>
  view.nodes
    .filter(({ node, state }) => state === "serving" && !table.draining.includes(node))
    .map(({ node }) => node)

/**
 * The nodes that may get shards which nobody serves: if there is no other, a drained one serves
 * them rather than nobody; if none serves yet, those that are starting will.
 */
export const rescuers = (view: ClusterView, table: ShardTable): NodeName[] => {
  const able = candidates(view, table)
  if (able.length > 0) return able
  const serving = view.nodes.filter(({ state }) => state === "serving")
  const some = serving.length > 0 ? serving : view.nodes.filter(({ state }) => state === "joining")
  return some.map(({ node }) => node)
}

/**
 * A node that keeps the shards which the table gives it. One that is starting keeps them for a
 * while: it is the one that had them, and comes back.
 */
export const isLiving = (view: ClusterView, node: NodeView | undefined): boolean => {
  if (node === undefined || node.state === "silent") return false
  if (node.state !== "joining") return true
  const isNew = view.nowMs - node.stateSinceMs < tuning.joiningKeepsMs
  return isNew || !view.nodes.some(({ state }) => state === "serving")
}

/** Living nodes whose shards are to go elsewhere. */
export const isEvacuated = (table: ShardTable, node: NodeView): boolean =>
  node.state === "leaving" || (node.state === "serving" && table.draining.includes(node.node))
