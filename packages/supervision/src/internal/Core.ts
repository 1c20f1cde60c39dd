/**
 * Owns: the life of the children of one supervisor. Every decision is a plain synchronous function
 * that takes its turn in one loop fiber (Inbox.ts), so no two of them interleave. What takes time
 * (a start, a stop, a wait) is a fiber of its own that posts its end to the inbox.
 * Must not know: what children do, who watches.
 *
 * It works level by level, not step by step: an event only marks children (`wanted`, `dirty`, a
 * timer), then `advance` compares the marks with the states and begins what is due: stops first,
 * last child first; then, when no wait is left, starts, first child first. So an event that arrives
 * in the middle of a restart needs no case of its own.
 *
 * Shutdown order: marks all children unwanted, stops them one by one, last started first, each with
 * its timeout; then the failure, if any, goes to the parent, and the loop ends.
 *
 * Interleavings that matter:
 * - A child ends while it is being stopped, or while it waits for its turn to be stopped: its exit
 *   is kept for its finalizers and decides nothing (generation, `dirty`).
 * - An earlier child of rest-for-one fails during the backoff of a later one: both waits must end
 *   before the first of them starts.
 * - A child does not stop in its time. If it was to be removed, the others go on without it and its
 *   name stays taken. If it was to be restarted, two generations could meet: it escalates instead.
 */
import {
  Cause,
  type Clock,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  FiberId,
  PubSub,
  Runtime,
  Scope,
} from "effect"
import { type Backoff, delayMs } from "../Backoff.js"
import type * as Child from "../Child.js"
import { causeText } from "../causeText.js"
import { type Judgement, judge, type Policy } from "../Policy.js"
import { type Intensity, RestartWindow } from "../RestartWindow.js"
import * as Failure from "../SupervisionError.js"
import type { EventBody, SupervisorEvent } from "../SupervisorEvent.js"
import type { NodeState, Strategy } from "../TreeNode.js"
import { Entry } from "./Entry.js"
import { Inbox } from "./Inbox.js"
import { ParentLink } from "./ParentLink.js"
import { Port } from "./Port.js"

export interface Settings {
  readonly name: string
  readonly path: string
  readonly strategy: Strategy
  readonly policy: Policy<never, never>
  readonly intensity: Intensity
  readonly backoff: Backoff
  readonly childrenMax: number
  readonly clock: Clock.Clock
  /** A number in [0, 1). */
  readonly random: Effect.Effect<number>
  readonly events: PubSub.PubSub<SupervisorEvent>
  readonly runtime: Runtime.Runtime<never>
}

export class Core {
  /** In start order. */
  readonly entries = new Map<string, Entry>()
  /** Done when all children are stopped (or stuck). */
  readonly closed = Deferred.unsafeMake<void>(FiberId.none)
  /** Fails after `closed` if the supervisor gave up; interrupted if it was closed from outside. */
  readonly failed = Deferred.unsafeMake<never, Failure.SupervisorFailure>(FiberId.none)

  private readonly window: RestartWindow
  // A bug of ours stops the children, and the parent learns of it.
  private readonly inbox = new Inbox((defect) => this.beginClose(Cause.die(defect)))
  /** Children still to be stopped, once closing has begun. */
  private closing: Array<Entry> | undefined = undefined
  private failure: Cause.Cause<Failure.SupervisorFailure> | undefined = undefined
  private done = false

  /** When it entered its state, wall time. */
  sinceMs: number

  constructor(readonly settings: Settings) {
    this.window = new RestartWindow(settings.intensity)
    this.sinceMs = settings.clock.unsafeCurrentTimeMillis()
  }

  get state(): NodeState {
    if (this.closing === undefined) return "running"
    return this.done ? "ended" : "stopping"
  }

  /** Decides; to be run in a fiber of its own. */
  get loop(): Effect.Effect<void> {
    return this.inbox.loop
  }

  get isClosing(): boolean {
    return this.closing !== undefined
  }

  private fork<A>(effect: Effect.Effect<A>): Fiber.RuntimeFiber<A> {
    return Runtime.runFork(this.settings.runtime)(effect)
  }

  pathOf(entry: Entry): string {
    return `${this.settings.path}/${entry.name}`
  }

  private emit(path: string, body: EventBody): void {
    const event = { ...body, path, atMs: this.settings.clock.unsafeCurrentTimeMillis() }
    // A sliding PubSub takes an event without waiting.
    Runtime.runSync(this.settings.runtime)(PubSub.publish(this.settings.events, event))
  }

  private enter(entry: Entry, state: NodeState): void {
    entry.state = state
    entry.sinceMs = this.settings.clock.unsafeCurrentTimeMillis()
  }

  /** Milliseconds of a clock that never goes back, unlike wall time. */
  private monotonicMs(): number {
    return Number(this.settings.clock.unsafeCurrentTimeNanos()) / 1e6
  }

  // --- requests, from any fiber ---------------------------------------------------------------

  /** Takes the name at once; the entry's `ready` tells how the start went. */
  add(
    child: Child.Any,
    context: Context.Context<never>,
  ): Exit.Exit<Entry, Failure.StartChildError> {
    const supervisor = this.settings.path
    if (this.isClosing) return Exit.fail(new Failure.SupervisorClosed({ supervisor }))
    const old = this.entries.get(child.name)
    if (old !== undefined && old.state !== "ended") {
      return Exit.fail(new Failure.ChildNameTaken({ supervisor, child: child.name }))
    }
    const { childrenMax } = this.settings
    if (old === undefined && this.entries.size >= childrenMax) {
      return Exit.fail(new Failure.ChildrenMax({ supervisor, childrenMax }))
    }
    const entry = new Entry(child, context, this.settings.clock.unsafeCurrentTimeMillis())
    entry.ready = Deferred.unsafeMake(FiberId.none)
    // A name used again goes to the end of the start order.
    this.entries.delete(child.name)
    this.entries.set(child.name, entry)
    this.inbox.post(() => this.advance(entry))
    return Exit.succeed(entry)
  }

  /** Stops and forgets a child. Waits; succeeds also if it is gone already. */
  remove(entry: Entry): Effect.Effect<void, Failure.ChildStuck> {
    return Effect.suspend(() => {
      if (this.entries.get(entry.name) !== entry) return Effect.void
      if (entry.state === "stuck") return Effect.fail(this.stuckError(entry))
      entry.wanted = false
      entry.removing = true
      entry.gone ??= Deferred.unsafeMake(FiberId.none)
      this.inbox.post(() => {
        // A closing supervisor removes it anyway, and an entry may have gone meanwhile.
        if (this.isClosing || this.entries.get(entry.name) !== entry) return
        this.advance(entry)
      })
      return Deferred.await(entry.gone)
    })
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.inbox.post(() => this.beginClose(undefined))
    return Deferred.await(this.closed)
  })

  // --- reports, from children and timers ------------------------------------------------------

  started(entry: Entry, generation: number): void {
    this.inbox.post(() => {
      if (entry.generation === generation && entry.state === "starting") this.run(entry)
    })
  }

  signal(entry: Entry, generation: number, cause: Cause.Cause<unknown> | undefined): void {
    if (entry.generation !== generation || entry.signalled) return
    entry.signalled = true
    this.inbox.post(() => {
      entry.signalled = false
      if (entry.generation === generation) this.ended(entry, cause, true)
    })
  }

  private exited(entry: Entry, generation: number, exit: Exit.Exit<unknown, unknown>): void {
    if (entry.generation !== generation) return
    entry.fiber = undefined
    if (entry.child.kind === "passive" && Exit.isSuccess(exit)) {
      if (entry.state === "starting") this.run(entry)
      return
    }
    entry.exit = exit
    this.ended(entry, Exit.isSuccess(exit) ? undefined : exit.cause, false)
  }

  private run(entry: Entry): void {
    this.enter(entry, "running")
    this.emit(this.pathOf(entry), { _tag: "Started", generation: entry.generation })
    this.settle(entry, Exit.void)
    this.advance(entry)
  }

  /** `cause` undefined is a normal end; `signalled` means that the child is still open. */
  private ended(entry: Entry, cause: Cause.Cause<unknown> | undefined, signalled: boolean): void {
    // Already on its way down: nothing to decide.
    if (entry.dirty || !entry.wanted || this.isClosing) return
    entry.lastCause = cause === undefined ? "ended" : causeText(cause)
    const { verdict, tag } = this.judgement(entry, cause, signalled)
    if (verdict === "restart") {
      this.restart(entry, tag, cause ?? Cause.empty)
      return
    }
    this.decided(entry, verdict, 0)
    if (verdict === "escalate") this.escalate(entry, tag, cause ?? Cause.empty)
    if (verdict !== "stop") return
    entry.wanted = false
    this.advance(entry)
  }

  private judgement(
    entry: Entry,
    cause: Cause.Cause<unknown> | undefined,
    signalled: boolean,
  ): Judgement {
    const { restart } = entry.child
    // An interruption that the supervisor did not ask for is a normal end, as in OTP.
    if (cause === undefined || Cause.isInterruptedOnly(cause)) {
      return { verdict: restart === "permanent" ? "restart" : "stop", tag: "Ended" }
    }
    const { verdict, tag } = judge(this.settings.policy, cause)
    if (verdict === "restart" && restart === "temporary") return { verdict: "stop", tag }
    // The types allow resume for signals only; what has ended cannot go on.
    if (verdict === "resume" && !signalled) return { verdict: "restart", tag }
    return { verdict, tag }
  }

  private decided(entry: Entry, verdict: Judgement["verdict"], delay: number): void {
    this.emit(this.pathOf(entry), {
      _tag: "Decided",
      generation: entry.generation,
      verdict,
      reason: entry.lastCause ?? "",
      delayMs: delay,
    })
  }

  private restart(entry: Entry, tag: string, cause: Cause.Cause<unknown>): void {
    const { intensity, strategy, backoff, path } = this.settings
    const nowMs = this.monotonicMs()
    // Children that restart together back off together.
    const who = strategy === "one-for-one" ? entry : this
    if (!this.window.admit(nowMs, who)) {
      const reason = entry.lastCause ?? tag
      const error = { supervisor: path, child: entry.name, ...intensity, reason, cause }
      this.decided(entry, "escalate", 0)
      this.beginClose(Cause.fail(new Failure.MaxRestarts(error)))
      return
    }
    const random = Runtime.runSync(this.settings.runtime)(this.settings.random)
    const delay = delayMs(backoff, this.window.countOf(nowMs, who), random)
    this.decided(entry, "restart", delay)
    for (const hit of this.affected(entry)) {
      if (!hit.open) continue
      hit.dirty = true
      if (hit.child.restart === "temporary") hit.wanted = false
    }
    if (delay > 0) this.wait(entry, delay)
    this.advance(entry)
  }

  private affected(entry: Entry): Array<Entry> {
    if (this.settings.strategy === "one-for-one") return [entry]
    const all = [...this.entries.values()]
    return this.settings.strategy === "one-for-all" ? all : all.slice(all.indexOf(entry))
  }

  private wait(entry: Entry, delay: number): void {
    this.cancelWait(entry)
    const timer = this.fork(Effect.sleep(delay))
    entry.backoffTimer = timer
    timer.addObserver(() =>
      this.inbox.post(() => {
        if (entry.backoffTimer !== timer) return
        entry.backoffTimer = undefined
        this.advance(entry)
      }),
    )
  }

  private cancelWait(entry: Entry): void {
    const timer = entry.backoffTimer
    entry.backoffTimer = undefined
    if (timer !== undefined) timer.unsafeInterruptAsFork(FiberId.none)
  }

  private escalate(entry: Entry, tag: string, cause: Cause.Cause<unknown>): void {
    const reason = entry.lastCause ?? tag
    const error = { supervisor: this.settings.path, child: entry.name, tag, reason, cause }
    this.beginClose(Cause.fail(new Failure.Escalated(error)))
  }

  // --- from marks to deeds --------------------------------------------------------------------

  private advance(entry: Entry): void {
    if (this.closing !== undefined) {
      this.advanceClosing(this.closing)
      return
    }
    const { strategy } = this.settings
    const members = strategy === "one-for-one" ? [entry] : [...this.entries.values()]
    if (!this.advanceStops(members)) return
    if (members.some((member) => member.backoffTimer !== undefined)) return
    for (const member of members) {
      if (member.state === "starting") return
      if (member.state !== "waiting") continue
      this.start(member)
      return
    }
  }

  /** Begins the next stop; true when nothing is left to stop. */
  private advanceStops(members: ReadonlyArray<Entry>): boolean {
    for (let i = members.length - 1; i >= 0; i--) {
      const member = members[i]
      if (member.state === "stopping") return false
      if (member.open && (member.dirty || !member.wanted)) {
        this.stop(member)
        return false
      }
      const down = member.state === "waiting" || member.state === "ended"
      if (down && !member.wanted) this.finish(member)
    }
    return true
  }

  private advanceClosing(closing: Array<Entry>): void {
    for (let last = closing.at(-1); last !== undefined; last = closing.at(-1)) {
      if (last.state === "stopping") return
      if (last.open) {
        this.stop(last)
        return
      }
      closing.pop()
      if (last.state !== "stuck") this.finish(last)
    }
    if (this.done) return
    this.emit(this.settings.path, { _tag: "Closed" })
    this.done = true
    this.inbox.end()
    this.sinceMs = this.settings.clock.unsafeCurrentTimeMillis()
    Deferred.unsafeDone(this.closed, Exit.void)
    const failure = this.failure
    Deferred.unsafeDone(
      this.failed,
      failure === undefined ? Exit.interrupt(FiberId.none) : Exit.failCause(failure),
    )
  }

  private start(entry: Entry): void {
    const generation = ++entry.generation
    entry.starts++
    this.enter(entry, "starting")
    const { runtime } = this.settings
    const scope = Runtime.runSync(runtime)(Scope.make())
    entry.scope = scope
    const port = new Port(this, entry, generation)
    const context = entry.context.pipe(
      Context.add(Scope.Scope, scope),
      Context.add(ParentLink, port),
    )
    // The context holds what the child's type names: startChild and make ask for it.
    const body = Effect.suspend(() => entry.child.launch(port)) as Effect.Effect<unknown, unknown>
    const fiber = Runtime.runFork(Runtime.make({ ...runtime, context }))(body)
    entry.fiber = fiber
    fiber.addObserver((exit) => this.inbox.post(() => this.exited(entry, generation, exit)))
  }

  private stop(entry: Entry): void {
    const generation = ++entry.generation
    this.enter(entry, "stopping")
    const { fiber, scope, exit } = entry
    const interrupted = fiber === undefined ? Effect.void : Fiber.interrupt(fiber)
    const finalized =
      scope === undefined ? Effect.void : Scope.close(scope, exit ?? Exit.interrupt(FiberId.none))
    // Finalizers must not be cut short, whatever the fiber that made the supervisor allows.
    const stopping = this.fork(
      Effect.uninterruptible(Effect.exit(Effect.zipRight(interrupted, finalized))),
    )
    stopping.addObserver((outcome) =>
      this.inbox.post(() => this.stopped(entry, generation, Exit.flatten(outcome))),
    )
    const { stopTimeoutMs } = entry.child
    if (stopTimeoutMs === Number.POSITIVE_INFINITY || stopping.unsafePoll() !== null) return
    const timer = this.fork(Effect.sleep(stopTimeoutMs))
    entry.stopTimer = timer
    timer.addObserver(() =>
      this.inbox.post(() => {
        if (entry.stopTimer === timer) this.stuck(entry)
      }),
    )
  }

  private stopped(entry: Entry, generation: number, outcome: Exit.Exit<void>): void {
    if (entry.generation !== generation) return
    const timer = entry.stopTimer
    entry.stopTimer = undefined
    if (timer !== undefined) timer.unsafeInterruptAsFork(FiberId.none)
    entry.scope = undefined
    entry.fiber = undefined
    entry.exit = undefined
    entry.nested = undefined
    entry.dirty = false
    if (Exit.isFailure(outcome)) {
      entry.lastCause = causeText(outcome.cause)
      this.emit(this.pathOf(entry), { _tag: "StopFailed", reason: entry.lastCause })
    }
    this.enter(entry, "waiting")
    this.emit(this.pathOf(entry), { _tag: "Stopped" })
    if (!entry.wanted) this.finish(entry)
    this.advance(entry)
  }

  private stuck(entry: Entry): void {
    entry.stopTimer = undefined
    if (entry.state !== "stopping") return
    this.enter(entry, "stuck")
    const { stopTimeoutMs } = entry.child
    this.emit(this.pathOf(entry), { _tag: "Stuck", stopTimeoutMs })
    const error = this.stuckError(entry)
    if (entry.gone !== undefined) Deferred.unsafeDone(entry.gone, Exit.fail(error))
    entry.gone = undefined
    if (entry.wanted) {
      entry.lastCause = error.message
      this.escalate(entry, "Stuck", Cause.fail(error))
      return
    }
    this.advance(entry)
  }

  private stuckError(entry: Entry): Failure.ChildStuck {
    const { name, stopTimeoutMs } = entry.child
    return new Failure.ChildStuck({ supervisor: this.settings.path, child: name, stopTimeoutMs })
  }

  /** A child that is down and not wanted: listed as ended, or forgotten. */
  private finish(entry: Entry): void {
    this.cancelWait(entry)
    if (entry.ready !== undefined) this.settle(entry, Exit.fail(this.neverRan(entry)))
    if (entry.state !== "ended") this.enter(entry, "ended")
    if (!entry.removing && entry.child.restart !== "temporary") return
    if (this.entries.get(entry.name) === entry) this.entries.delete(entry.name)
    if (entry.gone !== undefined) Deferred.unsafeDone(entry.gone, Exit.void)
    entry.gone = undefined
  }

  private neverRan(entry: Entry): Failure.ChildStartFailed | Failure.SupervisorClosed {
    const supervisor = this.settings.path
    if (this.isClosing) return new Failure.SupervisorClosed({ supervisor })
    const reason = entry.removing ? "it was stopped" : (entry.lastCause ?? "it ended")
    return new Failure.ChildStartFailed({ supervisor, child: entry.name, reason })
  }

  private settle(
    entry: Entry,
    outcome: Exit.Exit<void, Failure.ChildStartFailed | Failure.SupervisorClosed>,
  ): void {
    if (entry.ready !== undefined) Deferred.unsafeDone(entry.ready, outcome)
    entry.ready = undefined
  }

  private beginClose(failure: Cause.Cause<Failure.SupervisorFailure> | undefined): void {
    if (this.closing !== undefined) return
    this.failure = failure
    this.sinceMs = this.settings.clock.unsafeCurrentTimeMillis()
    this.closing = [...this.entries.values()]
    for (const entry of this.closing) {
      entry.wanted = false
      entry.removing = true
      this.cancelWait(entry)
    }
    const error = failure === undefined ? undefined : Cause.failureOption(failure)
    if (error?._tag === "Some") {
      this.emit(this.settings.path, { _tag: "GaveUp", error: error.value })
    }
    this.advanceClosing(this.closing)
  }
}
