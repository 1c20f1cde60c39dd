/**
 * Owns: how a supervisor that is made within a child finds the supervisor above it, for its path,
 * its event stream and the tree. Must not know: supervision.
 */
import { Context, type PubSub } from "effect"
import type { SupervisorEvent } from "../SupervisorEvent.js"
import type { TreeNode } from "../TreeNode.js"

export class ParentLink extends Context.Tag("@skein/supervision/ParentLink")<
  ParentLink,
  {
    /** Path of the child. */
    readonly path: string
    readonly events: PubSub.PubSub<SupervisorEvent>
    /** False if the child already holds a supervisor. */
    readonly attach: (tree: (childrenMax: number) => TreeNode) => boolean
    readonly detach: () => void
  }
>() {}
