/**
 * Owns: from what is seen of processes to one view a node: since when it is in its state, which
 * of several processes of one name counts, and how long one that vanished is remembered.
 * Must not know: how processes are seen.
 */
import type { InstanceId, NodeName, Shard } from "@skein/model"
import type { NodeView } from "./ClusterView.js"
import { tuning } from "./Tuning.js"

/** A process of the fabric as a watcher sees it. */
export interface Sighting {
  readonly instance: InstanceId
  readonly node: NodeName
  readonly state: "leaving" | "serving" | "starting"
  readonly silent: boolean
  readonly givenUp?: readonly Shard[]
}

/**
 * The nodes at `nowMs`, by name. Of several processes of one name a living one counts, of those the
 * one that was there before. A name that is gone stays silent for a while: balance waits for it.
 */
export const tracked = (
  before: readonly NodeView[],
  seen: readonly Sighting[],
  nowMs: number,
  weightOf: (node: NodeName) => number = () => 1,
): NodeView[] => {
  const known = new Map(before.map((view) => [view.node, view]))
  const chosen = new Map<NodeName, Sighting>()
  for (const sighting of seen) {
    const other = chosen.get(sighting.node)
    const was = known.get(sighting.node)?.instance
    if (other === undefined || counts(sighting, other, was)) chosen.set(sighting.node, sighting)
  }
  const next: NodeView[] = []
  for (const sighting of chosen.values()) {
    next.push(viewOf(known.get(sighting.node), sighting, nowMs, weightOf(sighting.node)))
  }
  for (const view of before) {
    if (chosen.has(view.node)) continue
    const silent = changedTo(view, "silent", nowMs)
    if (nowMs - silent.stateSinceMs < tuning.unsettledHoldsMs) next.push(silent)
  }
  return next.sort((a, b) => (a.node < b.node ? -1 : 1))
}

const counts = (one: Sighting, other: Sighting, was: InstanceId | undefined): boolean => {
  if (one.silent !== other.silent) return other.silent
  if ((one.instance === was) !== (other.instance === was)) return one.instance === was
  return one.instance < other.instance
}

const viewOf = (
  before: NodeView | undefined,
  { instance, node, state, silent, givenUp = [] }: Sighting,
  nowMs: number,
  weight: number,
): NodeView => {
  const now = silent ? "silent" : state === "starting" ? "joining" : state
  if (before?.instance === instance) return { ...changedTo(before, now, nowMs), weight, givenUp }
  return { node, instance, state: now, sinceMs: nowMs, stateSinceMs: nowMs, weight, givenUp }
}

const changedTo = (view: NodeView, state: NodeView["state"], nowMs: number): NodeView =>
  view.state === state ? view : { ...view, state, stateSinceMs: nowMs }
