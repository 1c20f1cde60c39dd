/**
 * Owns: what the manager's shell tells of itself, in every node: each thing seen and each decision,
 * with its reason.
 */
import type { Epoch, InstanceId, NodeName, SkeinError } from "@skein/model"
import type { Move } from "@skein/placement"

export type ManagerEvent =
  /** A process of that name is there, or another one than before. */
  | { readonly _tag: "NodeJoined"; readonly node: NodeName; readonly instance: InstanceId }
  | { readonly _tag: "NodeServes"; readonly node: NodeName; readonly instance: InstanceId }
  | { readonly _tag: "NodeLeaves"; readonly node: NodeName; readonly instance: InstanceId }
  | { readonly _tag: "NodeSilent"; readonly node: NodeName; readonly instance: InstanceId }
  /** Nothing is remembered of it any more. */
  | { readonly _tag: "NodeForgotten"; readonly node: NodeName; readonly instance: InstanceId }
  /** This node is the manager from now on. */
  | { readonly _tag: "ManagerClaimed"; readonly epoch: Epoch; readonly because: string }
  /** This node is not the manager any more: another one took the token. */
  | { readonly _tag: "ManagerLost"; readonly epoch: Epoch }
  | {
      readonly _tag: "TableReplaced"
      readonly version: number
      /** What shards changed owner by it; empty: something else changed. */
      readonly moves: readonly Move[]
      readonly because: string
    }
  /** Another wrote the table first: what was decided is decided again from that one. */
  | { readonly _tag: "TableConflict"; readonly version: number }
  /** The stored table cannot be used: this node decides nothing until it is replaced. */
  | { readonly _tag: "TableRefused"; readonly error: SkeinError }
  | { readonly _tag: "MovePlanned"; readonly move: Move }
  | {
      readonly _tag: "MoveEnded"
      readonly move: Move
      readonly outcome: "done" | "refused"
      readonly tookMs: number
      /** Why it was refused, as far as it is known. */
      readonly why?: string
    }
  | { readonly _tag: "NodeDrained"; readonly node: NodeName }
  | { readonly _tag: "NodeRevived"; readonly node: NodeName }
  /** A port failed; it is tried again soon. */
  | { readonly _tag: "Fault"; readonly detail: string }

/** What happened between two views of the nodes. */
interface Seen {
  readonly node: NodeName
  readonly instance: InstanceId
  readonly state: "joining" | "leaving" | "serving" | "silent"
}

const tagOf = {
  joining: "NodeJoined",
  serving: "NodeServes",
  leaving: "NodeLeaves",
  silent: "NodeSilent",
} as const

export const nodeEvents = (before: readonly Seen[], after: readonly Seen[]): ManagerEvent[] => {
  const events: ManagerEvent[] = []
  const known = new Map(before.map((seen) => [seen.node, seen]))
  for (const { node, instance, state } of after) {
    const was = known.get(node)
    known.delete(node)
    const isNew = was?.instance !== instance
    if (isNew) events.push({ _tag: "NodeJoined", node, instance })
    const isSaid = was?.state === state || state === "joining"
    if (isNew ? state !== "joining" : !isSaid) events.push({ _tag: tagOf[state], node, instance })
  }
  for (const { node, instance } of known.values()) {
    events.push({ _tag: "NodeForgotten", node, instance })
  }
  return events
}
