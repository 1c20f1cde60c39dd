/**
 * Owns: the public face of a supervisor: its settings, making it in a Scope, starting and stopping
 * children, the tree and the events. Must not know: how decisions are carried out (internal/Core).
 *
 * A supervisor lives in a Scope and closes with it: children stop in reverse order, then finalizers
 * that were added before it run. One that is made within a child of another supervisor becomes part
 * of that one's tree. Shutdown order and interleavings: see internal/Core.ts.
 */

import type { Queue, Scope } from "effect"
import { type Context, Deferred, Effect, Option, PubSub, Runtime, RuntimeFlags } from "effect"
import { type Backoff, backoffFault, defaultBackoff } from "./Backoff.js"
import * as Child from "./Child.js"
import { Core } from "./internal/Core.js"
import type { Entry } from "./internal/Entry.js"
import { ParentLink } from "./internal/ParentLink.js"
import { snapshotOf } from "./internal/snapshotOf.js"
import { supervisionLimits } from "./limits.js"
import type { Policy, Tagged } from "./Policy.js"
import type { Intensity } from "./RestartWindow.js"
import type { ChildStuck, StartChildError, SupervisorFailure } from "./SupervisionError.js"
import type { SupervisorEvent } from "./SupervisorEvent.js"
import type { Strategy, TreeNode } from "./TreeNode.js"

export interface SupervisorOptions<
  E extends Tagged,
  F extends Tagged,
  C extends ReadonlyArray<Child.Any>,
> {
  /** Its name as a root. Within a child it goes by the child's name. */
  readonly name: string
  /** Default one-for-one. */
  readonly strategy?: Strategy
  /** Covers every error of every child, static or dynamic. */
  readonly policy: Policy<E, F>
  /** Default 5 restarts in 10,000 ms, counted over all children. */
  readonly intensity?: Intensity
  /** Default 100 ms, doubled up to 5,000 ms, 20 % jitter. */
  readonly backoff?: Backoff
  /** Started in this order before `make` returns. */
  readonly children?: C & ReadonlyArray<Child.Child<NoInfer<E>, NoInfer<F>, unknown>>
  /** Most children at a time. Default and limit 100,000. */
  readonly childrenMax?: number
}

/** A running supervisor of children that fail with E or signal F. */
export interface Supervisor<in E extends Tagged, in F extends Tagged = never> {
  readonly path: string
  /**
   * Starts a child as the last one and waits until it runs; a start that fails is judged by the
   * policy like any failure. If the caller is interrupted meanwhile, the child is stopped again.
   */
  readonly startChild: <R>(child: Child.Child<E, F, R>) => Effect.Effect<void, StartChildError, R>
  /** Stops a child for good and waits for its finalizers. False if there is none of that name. */
  readonly stopChild: (name: string) => Effect.Effect<boolean, ChildStuck>
  /** Names in start order. */
  readonly list: Effect.Effect<ReadonlyArray<string>>
  /** The tree now; of each supervisor at most `childrenMax` children, default and limit 1,000. */
  readonly snapshot: (options?: { readonly childrenMax?: number }) => Effect.Effect<TreeNode>
  /**
   * Decisions of the whole tree from now on (a nested supervisor's too). A subscriber more than
   * 256 events behind loses the oldest. The last event of a tree is Closed with the root's path.
   */
  readonly events: Effect.Effect<Queue.Dequeue<SupervisorEvent>, never, Scope.Scope>
  /**
   * Fails when the supervisor has given up and all its children are stopped. Interrupted when it is
   * closed from outside.
   */
  readonly failed: Effect.Effect<never, SupervisorFailure>
}

/** Starts a supervisor and its children. Bad settings are a defect: they are the author's bug. */
export const make = <
  E extends Tagged,
  F extends Tagged = never,
  const C extends ReadonlyArray<Child.Any> = readonly [],
>(
  options: SupervisorOptions<E, F, C>,
): Effect.Effect<Supervisor<E, F>, SupervisorFailure, Scope.Scope | Child.ContextOf<C[number]>> =>
  Effect.gen(function* () {
    const fault = optionsFault(options)
    if (fault !== undefined) return yield* Effect.die(new RangeError(fault))
    const { core } = yield* Effect.acquireRelease(open(options), ({ core, detach }) =>
      Effect.tap(core.close, detach),
    )
    const context = yield* Effect.context<Child.ContextOf<C[number]>>()
    const waiting: Array<Effect.Effect<void, StartChildError>> = []
    for (const child of options.children ?? []) {
      const entry = yield* Effect.orDie(core.add(child, erased(context)))
      waiting.push(readiness(entry))
    }
    // A child that the policy has set aside is no reason for the others not to run.
    yield* Effect.forEach(waiting, Effect.ignore, { discard: true })
    if (core.isClosing) yield* Deferred.await(core.failed)
    return face<E, F>(core)
  })

/** A supervisor as a child of another one, for trees whose nodes only supervise. */
export const child = <
  E extends Tagged,
  F extends Tagged = never,
  const C extends ReadonlyArray<Child.Any> = readonly [],
>(
  options: SupervisorOptions<E, F, C>,
): Child.Child<SupervisorFailure, never, Exclude<Child.ContextOf<C[number]>, Scope.Scope>> =>
  Child.fiber({
    name: options.name,
    // Bounded by the timeouts of the children below it.
    stopTimeoutMs: Number.POSITIVE_INFINITY,
    start: make(options),
    run: (supervisor) => supervisor.failed,
  })

const open = <E extends Tagged, F extends Tagged, C extends ReadonlyArray<Child.Any>>(
  options: SupervisorOptions<E, F, C>,
): Effect.Effect<{ readonly core: Core; readonly detach: () => void }> =>
  Effect.gen(function* () {
    const parent = yield* Effect.serviceOption(ParentLink)
    // acquireRelease runs this uninterruptibly; the children must not inherit that.
    const runtime = Runtime.enableRuntimeFlag(
      yield* Effect.runtime<never>(),
      RuntimeFlags.Interruption,
    )
    const events = Option.isSome(parent)
      ? parent.value.events
      : yield* PubSub.sliding<SupervisorEvent>(supervisionLimits.eventsBufferedMax)
    const core = new Core({
      name: options.name,
      path: Option.isSome(parent) ? parent.value.path : options.name,
      strategy: options.strategy ?? "one-for-one",
      policy: options.policy,
      intensity: options.intensity ?? defaultIntensity,
      backoff: options.backoff ?? defaultBackoff,
      childrenMax: options.childrenMax ?? supervisionLimits.childrenPerSupervisorMax,
      clock: yield* Effect.clock,
      random: yield* Effect.map(Effect.random, (random) => random.next),
      events,
      runtime,
    })
    if (
      Option.isSome(parent) &&
      !parent.value.attach((childrenMax) => snapshotOf(core, childrenMax))
    ) {
      const fault = `${core.settings.path} already holds a supervisor: make the second its child`
      return yield* Effect.die(new RangeError(fault))
    }
    Runtime.runFork(runtime)(core.loop)
    const detach = () => (Option.isSome(parent) ? parent.value.detach() : undefined)
    return { core, detach }
  })

const defaultIntensity: Intensity = {
  restartsMax: supervisionLimits.restartsDefault,
  windowMs: supervisionLimits.restartWindowDefaultMs,
}

/** A child's launch is typed by what it needs; the core only hands it back its own context. */
const erased = <R>(context: Context.Context<R>): Context.Context<never> =>
  context as Context.Context<unknown> as Context.Context<never>

const readiness = (entry: Entry): Effect.Effect<void, StartChildError> =>
  entry.ready === undefined ? Effect.void : Deferred.await(entry.ready)

const face = <E extends Tagged, F extends Tagged>(core: Core): Supervisor<E, F> => ({
  path: core.settings.path,
  startChild: <R>(child: Child.Child<E, F, R>) =>
    Effect.flatMap(Effect.context<R>(), (context) =>
      Effect.suspend(() => {
        const fault = childFault(child)
        if (fault !== undefined) return Effect.die(new RangeError(fault))
        return Effect.flatMap(core.add(child, erased(context)), (entry) =>
          Effect.onInterrupt(readiness(entry), () => Effect.ignore(core.remove(entry))),
        )
      }),
    ),
  stopChild: (name) =>
    Effect.suspend(() => {
      const entry = core.entries.get(name)
      return entry === undefined ? Effect.succeed(false) : Effect.as(core.remove(entry), true)
    }),
  list: Effect.sync(() => [...core.entries.keys()]),
  snapshot: (options) =>
    Effect.sync(() => snapshotOf(core, options?.childrenMax ?? Number.POSITIVE_INFINITY)),
  events: PubSub.subscribe(core.settings.events),
  failed: Deferred.await(core.failed),
})

interface CheckedOptions {
  readonly name: string
  readonly intensity?: Intensity
  readonly backoff?: Backoff
  readonly childrenMax?: number
  readonly children?: ReadonlyArray<Child.Any>
}

const optionsFault = (options: CheckedOptions): string | undefined => {
  const { restartsMax, windowMs } = options.intensity ?? defaultIntensity
  const limits = supervisionLimits
  if (!(Number.isInteger(restartsMax) && restartsMax >= 0 && restartsMax <= limits.restartsMax)) {
    return `intensity.restartsMax ${restartsMax} is not an integer of 0..${limits.restartsMax}`
  }
  if (!(windowMs > 0 && Number.isFinite(windowMs)))
    return `intensity.windowMs ${windowMs} is not > 0`
  const { childrenMax = limits.childrenPerSupervisorMax } = options
  if (!(childrenMax >= 0 && childrenMax <= limits.childrenPerSupervisorMax)) {
    return `childrenMax ${childrenMax} is not of 0..${limits.childrenPerSupervisorMax}`
  }
  const backoff = backoffFault(options.backoff ?? defaultBackoff)
  if (backoff !== undefined) return backoff
  for (const child of options.children ?? []) {
    const fault = childFault(child)
    if (fault !== undefined) return fault
  }
  return nameFault(options.name)
}

const childFault = (child: Child.Any): string | undefined =>
  child.stopTimeoutMs >= 0
    ? nameFault(child.name)
    : `stopTimeoutMs ${child.stopTimeoutMs} of ${child.name} is not >= 0`

const nameFault = (name: string): string | undefined =>
  name.length >= 1 && name.length <= supervisionLimits.childNameCharsMax
    ? undefined
    : `a name has 1..${supervisionLimits.childNameCharsMax} characters, not ${name.length}`
