/**
 * Owns: the decisions of a supervision tree as plain values. Must not know: who reads them.
 */

import type { Verdict } from "./Policy.js"
import type { SupervisorFailure } from "./SupervisionError.js"

interface At {
  /** Names from the root down, joined by "/". */
  readonly path: string
  /** Wall time in ms since 1970. */
  readonly atMs: number
}

export type SupervisorEvent = At &
  (
    | { readonly _tag: "Started"; readonly generation: number }
    /** A child ended, or signalled. `delayMs` is the wait before a restart, else 0. */
    | {
        readonly _tag: "Decided"
        readonly generation: number
        readonly verdict: Verdict
        readonly reason: string
        readonly delayMs: number
      }
    /** The child and its finalizers are over. */
    | { readonly _tag: "Stopped" }
    /** A finalizer failed; the child counts as stopped. */
    | { readonly _tag: "StopFailed"; readonly reason: string }
    | { readonly _tag: "Stuck"; readonly stopTimeoutMs: number }
    /** A supervisor gives up; its children are stopped next. */
    | { readonly _tag: "GaveUp"; readonly error: SupervisorFailure }
    /** A supervisor's children are all stopped: its last event. */
    | { readonly _tag: "Closed" }
  )

/** An event without what the supervisor adds. */
export type EventBody = SupervisorEvent extends infer X
  ? X extends SupervisorEvent
    ? Omit<X, keyof At>
    : never
  : never
