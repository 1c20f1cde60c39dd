/**
 * Owns: what the manager knows when it plans: the nodes as last seen, and the load of each shard.
 * Must not know: how it was learned.
 */
import type { InstanceId, NodeName, Shard } from "@skein/model"

export interface NodeView {
  readonly node: NodeName
  readonly instance: InstanceId
  /** Since when this instance was seen, on the manager's monotonic clock. */
  readonly sinceMs: number
  /** `silent`: no sign of life for too long, or its process is gone. */
  readonly state: "draining" | "joining" | "leaving" | "serving" | "silent"
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

export interface ClusterView {
  /** The manager's monotonic clock. */
  readonly nowMs: number
  readonly nodes: readonly NodeView[]
  /** By shard; a shard without a sample counts as idle. */
  readonly loads: ReadonlyMap<Shard, ShardLoad>
}
