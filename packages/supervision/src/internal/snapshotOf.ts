/**
 * Owns: reading a supervisor's children into a TreeNode. Must not know: decisions.
 */
import { supervisionLimits } from "../limits.js"
import type { TreeNode } from "../TreeNode.js"
import type { Core } from "./Core.js"
import type { Entry } from "./Entry.js"

/** At most `childrenMax` children of each supervisor, in start order; the rest is counted. */
export const snapshotOf = (core: Core, childrenMax: number): TreeNode => {
  const limit = Math.min(childrenMax, supervisionLimits.snapshotChildrenMax)
  const children: Array<TreeNode> = []
  for (const entry of core.entries.values()) {
    if (children.length >= limit) break
    children.push(nodeOf(entry, childrenMax))
  }
  const childrenOmitted = core.entries.size - children.length
  return {
    name: core.settings.name,
    kind: "supervisor",
    state: core.state,
    restarts: 0,
    sinceMs: core.sinceMs,
    strategy: core.settings.strategy,
    children,
    ...(childrenOmitted > 0 ? { childrenOmitted } : {}),
  }
}

const nodeOf = (entry: Entry, childrenMax: number): TreeNode => ({
  ...(entry.nested === undefined ? { kind: entry.child.kind } : entry.nested(childrenMax)),
  name: entry.name,
  state: entry.state,
  restarts: Math.max(0, entry.starts - 1),
  ...(entry.lastCause === undefined ? {} : { lastCause: entry.lastCause }),
  sinceMs: entry.sinceMs,
})
