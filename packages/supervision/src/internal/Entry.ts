/**
 * Owns: the record of one child within its supervisor. A supervisor may hold thousands, so idle
 * fields are undefined rather than empty objects.
 * Must not know: decisions (see Core.ts, the only writer).
 */
import type { Context, Deferred, Exit, Fiber, Scope } from "effect"
import type * as Child from "../Child.js"
import type { ChildStartFailed, ChildStuck, SupervisorClosed } from "../SupervisionError.js"
import type { NodeState, TreeNode } from "../TreeNode.js"

export class Entry {
  state: NodeState = "waiting"
  /** Rises at every start and at every stop: what an older generation reports is stale. */
  generation = 0
  starts = 0
  /** The supervisor wants it to run. */
  wanted = true
  /** It must be stopped before it may run on: it failed, or a neighbour did. */
  dirty = false
  /** A signal waits in the inbox; further ones are dropped, which bounds the inbox. */
  signalled = false
  /** To be forgotten once stopped. */
  removing = false
  lastCause: string | undefined = undefined
  scope: Scope.CloseableScope | undefined = undefined
  fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined = undefined
  /** How its fiber ended, until its scope has been closed with it. */
  exit: Exit.Exit<unknown, unknown> | undefined = undefined
  backoffTimer: Fiber.RuntimeFiber<void> | undefined = undefined
  stopTimer: Fiber.RuntimeFiber<void> | undefined = undefined
  /** Waits for its first start. */
  ready: Deferred.Deferred<void, ChildStartFailed | SupervisorClosed> | undefined = undefined
  /** Waits for its removal. */
  gone: Deferred.Deferred<void, ChildStuck> | undefined = undefined
  /** The tree of a supervisor that was made within this child. */
  nested: ((childrenMax: number) => TreeNode) | undefined = undefined

  constructor(
    readonly child: Child.Any,
    readonly context: Context.Context<never>,
    public sinceMs: number,
  ) {}

  get name(): string {
    return this.child.name
  }

  /** Has a scope, and so perhaps a fiber and finalizers. */
  get open(): boolean {
    return this.state === "starting" || this.state === "running"
  }
}
