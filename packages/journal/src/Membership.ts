/**
 * Owns: the port to the nodes of a fabric: who is there, what each says of itself, who has fallen
 * silent. Silence is a reason to try a takeover, never a right: tokens decide (Ownership.ts).
 */
import type { InstanceId, NodeName, Shard } from "@skein/model"

/** What a node says of itself. */
export interface NodeNote {
  readonly instance: InstanceId
  readonly node: NodeName
  readonly host: string
  readonly pid: number
  /** `host:port` of its port for clients and other nodes; "": not listening yet. */
  readonly address: string
  readonly sinceMs: number
  readonly state: "leaving" | "serving" | "starting"
  /** Shards that failed too often there; at most `limits.givenUpToldMax`. Absent: none. */
  readonly givenUp?: readonly Shard[]
}

export interface SeenNode extends NodeNote {
  /**
   * `true`: no sign of life for `limits.silenceAfterMs` on the watcher's monotonic clock, or its
   * process is gone, or it took its sign away.
   */
  readonly silent: boolean
  /** Its process is gone for certain: what it left may be tidied up. */
  readonly dead: boolean
}

export interface Membership {
  readonly self: InstanceId
  /** Changes what others see of this node. */
  readonly tell: (change: Partial<Pick<NodeNote, "address" | "givenUp" | "state">>) => Promise<void>
  /** As last seen, this node included; no more than `limits.nodesMax`. */
  readonly nodes: () => readonly SeenNode[]
  /** `listener` is called after each change; the answer ends that. */
  readonly onChange: (listener: () => void) => () => void
}
