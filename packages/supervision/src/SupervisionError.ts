/**
 * Owns: the errors of a supervisor: two that go up to its parent (MaxRestarts, Escalated) and those
 * of the calls that start and stop children. Must not know: the errors of the children themselves.
 */
import { type Cause, Data } from "effect"

/** More restarts within the window than the intensity allows. */
export class MaxRestarts extends Data.TaggedError("MaxRestarts")<{
  /** Path of the supervisor that gave up, names joined by "/". */
  readonly supervisor: string
  /** The child whose failure was one too many. */
  readonly child: string
  readonly restartsMax: number
  readonly windowMs: number
  /** The last failure as short text. */
  readonly reason: string
  readonly cause: Cause.Cause<unknown>
}> {
  readonly code = "SKEIN_MAX_RESTARTS"
  readonly retryable = true
  override get message(): string {
    return (
      `${this.supervisor}: more than ${this.restartsMax} restarts in ${this.windowMs} ms, ` +
      `the last one of ${this.child}: ${this.reason}`
    )
  }
}

/** The policy chose "escalate", or a child that must restart did not stop in its time. */
export class Escalated extends Data.TaggedError("Escalated")<{
  readonly supervisor: string
  readonly child: string
  /** Tag of the child's error; "Defect", "Stuck" or "PolicyThrew" where there is none. */
  readonly tag: string
  readonly reason: string
  readonly cause: Cause.Cause<unknown>
}> {
  readonly code = "SKEIN_ESCALATED"
  readonly retryable = true
  override get message(): string {
    return `${this.supervisor}: ${this.child} failed for good: ${this.reason}`
  }
}

/** How a supervisor fails: by the time its parent sees this, all its children are stopped. */
export type SupervisorFailure = MaxRestarts | Escalated

/** A living child of this supervisor has that name. */
export class ChildNameTaken extends Data.TaggedError("ChildNameTaken")<{
  readonly supervisor: string
  readonly child: string
}> {
  readonly code = "SKEIN_CHILD_NAME_TAKEN"
  readonly retryable = false
  override get message(): string {
    return `${this.supervisor} already has a child ${this.child}: stop it first`
  }
}

/** The supervisor holds as many children as it may. */
export class ChildrenMax extends Data.TaggedError("ChildrenMax")<{
  readonly supervisor: string
  readonly childrenMax: number
}> {
  readonly code = "SKEIN_CHILDREN_MAX"
  readonly retryable = true
  override get message(): string {
    return `${this.supervisor} holds its limit of ${this.childrenMax} children: stop some first`
  }
}

/** The child ended for good before it ever ran. */
export class ChildStartFailed extends Data.TaggedError("ChildStartFailed")<{
  readonly supervisor: string
  readonly child: string
  readonly reason: string
}> {
  readonly code = "SKEIN_CHILD_START_FAILED"
  readonly retryable = false
  override get message(): string {
    return `${this.supervisor} could not start ${this.child}: ${this.reason}`
  }
}

/** The child did not stop within its time. Its name stays taken until it does. */
export class ChildStuck extends Data.TaggedError("ChildStuck")<{
  readonly supervisor: string
  readonly child: string
  readonly stopTimeoutMs: number
}> {
  readonly code = "SKEIN_CHILD_STUCK"
  readonly retryable = true
  override get message(): string {
    return `${this.supervisor}: ${this.child} did not stop within ${this.stopTimeoutMs} ms`
  }
}

/** The supervisor is closed, is closing, or has failed. */
export class SupervisorClosed extends Data.TaggedError("SupervisorClosed")<{
  readonly supervisor: string
}> {
  readonly code = "SKEIN_SUPERVISOR_CLOSED"
  readonly retryable = false
  override get message(): string {
    return `${this.supervisor} is closed and starts nothing`
  }
}

export type StartChildError = ChildNameTaken | ChildrenMax | ChildStartFailed | SupervisorClosed
