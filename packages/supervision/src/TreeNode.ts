/**
 * Owns: a supervision tree at one moment, as plain JSON that `status --tree` prints.
 * Must not know: how it is gathered.
 */
import type { ChildKind } from "./Child.js"

/**
 * waiting: for its backoff or for its turn. stuck: did not stop in its time. ended: over for good,
 * listed until it is stopped by name or replaced.
 */
export type NodeState = "starting" | "running" | "stopping" | "waiting" | "stuck" | "ended"

export type Strategy = "one-for-one" | "one-for-all" | "rest-for-one"

export interface TreeNode {
  readonly name: string
  readonly kind: ChildKind | "supervisor"
  readonly state: NodeState
  /** Times that it was started again. */
  readonly restarts: number
  /** Why it last ended or signalled, as short text. */
  readonly lastCause?: string
  /** When it entered its state, wall time in ms since 1970. */
  readonly sinceMs: number
  /** The rest is for supervisors only. */
  readonly strategy?: Strategy
  readonly children?: ReadonlyArray<TreeNode>
  /** Children beyond the limit of the snapshot. */
  readonly childrenOmitted?: number
}
