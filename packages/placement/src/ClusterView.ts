/**
 * Owns: what the manager knows when it plans: the nodes as last seen, the load of each shard, and
 * what it did lately.
 * Must not know: how it was learned.
 */
import type { InstanceId, NodeName, Shard } from "@skein/model"

export interface NodeView {
  readonly node: NodeName
  readonly instance: InstanceId
  /** Since when this instance was seen, on the manager's monotonic clock. */
  readonly sinceMs: number
  /** Since when it is in its state, on the same clock. */
  readonly stateSinceMs: number
  /** `silent`: no sign of life for too long, or its process is gone. */
  readonly state: "joining" | "leaving" | "serving" | "silent"
  /** Shards that it could not keep open. Absent: none. */
  readonly givenUp?: readonly Shard[]
  /** Relative capacity, for the weighted policy; default 1. */
  readonly weight: number
}

/** What one shard did in a sampling period, as its owner counted it. */
export interface ShardLoad {
  readonly shard: Shard
  readonly bytesPerSecond: number
  readonly messagesPerSecond: number
  /** Messages that wait. */
  readonly depth: number
  /** Share of the period that the node's thread worked for the shard, 0 to 1. */
  readonly busy: number
  /** 99th percentile from a publish's arrival to its confirm, milliseconds; 0: none. */
  readonly confirmP99Ms: number
}

/** What the manager did lately. Kept by the one manager; a new one starts with none. */
export interface History {
  /** When a shard was last moved for the sake of balance. */
  readonly movedAtMs: ReadonlyMap<Shard, number>
  /** When its owner or its target last refused to move it. */
  readonly refusedAtMs: ReadonlyMap<Shard, number>
  /** Where a shard must not go again until then, because it was taken back from there. */
  readonly bars: ReadonlyMap<Shard, { readonly node: NodeName; readonly untilMs: number }>
}

export const noHistory: History = {
  movedAtMs: new Map(),
  refusedAtMs: new Map(),
  bars: new Map(),
}

export interface ClusterView {
  /** The manager's monotonic clock. */
  readonly nowMs: number
  /** One entry a name. */
  readonly nodes: readonly NodeView[]
  /** By shard; a shard without a sample counts as idle. */
  readonly loads: ReadonlyMap<Shard, ShardLoad>
  readonly history: History
}

export const nodeNamed = (view: ClusterView, node: NodeName): NodeView | undefined =>
  view.nodes.find((each) => each.node === node)
