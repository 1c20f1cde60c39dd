/**
 * Owns: workers whose handlers are effects, with a failure policy that the compiler checks (each
 * tag of the handler's errors must say what becomes of the message), alone or as children of a
 * supervisor.
 */
import { isSkeinError } from "@skein/model"
import { Child, type Policy } from "@skein/supervision"
import { Cause, Data, Effect, Exit, Option, Runtime, type Scope } from "effect"
import { clientLimits } from "../clientLimits.js"
import type { Message } from "../consume/Message.js"
import { ignore } from "../Deferred.js"
import type { QueueDefinition } from "../QueueDefinition.js"
import type { Verdict, WorkerOptions } from "../worker/WorkerOptions.js"
import { type ConsumeError, call, consumeTags, narrow } from "./errors.js"
import { Skein } from "./Skein.js"

/** Anything with a tag: `Data.TaggedError`, `Schema.TaggedError`, SkeinError. */
export interface TaggedFailure {
  readonly _tag: string
}

/**
 * For each tag of E what becomes of the message, or a function that decides. `escalate` is for what
 * is no message's fault (a database is away): it goes back uncounted, and the worker stops.
 */
export type FailurePolicy<E extends TaggedFailure> = {
  readonly [Tag in E["_tag"]]: Verdict | ((error: Extract<E, { readonly _tag: Tag }>) => Verdict)
}

/** A failure of a handler that its policy escalates: the worker has stopped because of it. */
export class WorkEscalated extends Data.TaggedError("WorkEscalated")<{
  readonly queue: string
  /** What the handler failed with. */
  readonly failure: TaggedFailure
}> {
  readonly code = "SKEIN_WORK_ESCALATED"
  readonly retryable = true
  override get message(): string {
    return `a handler of ${this.queue} failed with ${this.failure._tag}, which stops its worker`
  }
}

/** What ends a worker. */
export type WorkError = ConsumeError | WorkEscalated

/** Handlers that cannot fail need no policy; others must name every tag. */
export type WorkOptions<A, E extends TaggedFailure> = Settings<A, E> &
  ([E] extends [never]
    ? { readonly onFailure?: Record<never, never> }
    : { readonly onFailure: FailurePolicy<E> })

export interface Settings<A, E> extends Omit<WorkerOptions<A>, "onFailure" | "signal"> {
  /** Hears every failure, defects too. */
  readonly onCause?: (cause: Cause.Cause<E>, message: Message<A>) => void
}

/**
 * Runs `handler` over the queue's messages until interrupted, then stops in an orderly way. Success
 * acks; a typed failure does what the policy says of its tag; a defect fails the message (back
 * after the backoff); the handler is interrupted when the lease is lost. A body that does not
 * decode shows to handlers that use `Consumer.value`; see `undecodable` for those that read
 * `message.value`.
 */
export const run = <A, E extends TaggedFailure, R>(
  queue: QueueDefinition<A>,
  handler: (message: Message<A>) => Effect.Effect<unknown, E, R>,
  options: NoInfer<WorkOptions<A, E>>,
): Effect.Effect<never, WorkError, R | Skein> =>
  Effect.scoped(
    Effect.gen(function* () {
      const client = yield* Skein
      const runtime = yield* Effect.runtime<R>()
      const { onCause }: Settings<A, E> = options
      const settings: Settings<A, E> = options
      const handle = async (message: Message<A>, signal: AbortSignal): Promise<void> => {
        const exit = await Runtime.runPromiseExit(runtime)(handler(message), { signal })
        if (Exit.isSuccess(exit)) return
        onCause?.(exit.cause, message)
        const error = Cause.squash(exit.cause)
        // Thrown by `message.value`: the worker's setting for such bodies decides.
        if (Cause.isDie(exit.cause) && isSkeinError(error)) throw error
        throw new HandlerFailed(verdictOf(options.onFailure, exit.cause), error)
      }
      const worker = yield* Effect.acquireRelease(
        call(consumeTags, () =>
          client.queue(queue).worker(handle, {
            ...settings,
            onFailure: (error) => (error instanceof HandlerFailed ? error.verdict : undefined),
          }),
        ),
        (made) => Effect.promise(() => made.stop().catch(ignore)),
      )
      yield* Effect.tryPromise({
        try: () => worker.done,
        catch: (error) => endOf(queue.name, error),
      })
      // The worker ends by itself only when its client was closed.
      return yield* Effect.never
    }),
  )

/** {@link run} as a child of a supervisor; its name is the queue's unless one is given. */
export const child = <A, E extends TaggedFailure, R>(
  queue: QueueDefinition<A>,
  handler: (message: Message<A>) => Effect.Effect<unknown, E, R>,
  options: NoInfer<WorkOptions<A, E>> & Partial<Child.ChildOptions>,
): Child.Child<WorkError, never, Exclude<R | Skein, Scope.Scope>> => {
  const graceMs = options.graceMs ?? clientLimits.workerGraceDefaultMs
  return Child.fiber({
    name: options.name ?? queue.name,
    // Its handlers' grace, and then its last settles.
    stopTimeoutMs: options.stopTimeoutMs ?? graceMs + clientLimits.callTimeoutDefaultMs,
    ...(options.restart !== undefined && { restart: options.restart }),
    run: () => run(queue, handler, options),
  })
}

const byRetry = ({ retryable }: { readonly retryable: boolean }): Policy.Ending =>
  retryable ? "restart" : "escalate"

/**
 * What to do about the end of a worker, for a supervisor's policy: what another try may mend is
 * started again, the rest goes up. Spread it, and say otherwise where you know better:
 * `Policy.make<Worker.WorkError>({ errors: { ...Worker.endings, QueueNotFound: "stop" }, … })`.
 */
export const endings: Policy.ErrorTable<WorkError, never> = {
  WorkEscalated: "restart",
  TimedOut: byRetry,
  FabricClosed: "escalate",
  ConnectionFailed: byRetry,
  Overloaded: byRetry,
  ShardUnavailable: byRetry,
  ShardCorrupt: byRetry,
  Quarantined: byRetry,
  LimitExceeded: byRetry,
  ProtocolError: byRetry,
  ConfigInvalid: byRetry,
  InternalError: byRetry,
  QueueNotFound: byRetry,
}

class HandlerFailed extends Error {
  constructor(
    readonly verdict: Verdict | undefined,
    override readonly cause: unknown,
  ) {
    super("the handler failed", { cause })
  }
}

const endOf = (queue: string, error: unknown): WorkError => {
  if (!(error instanceof HandlerFailed)) return narrow(consumeTags, error)
  // Only the policy escalates, and it speaks of tagged failures.
  return new WorkEscalated({ queue, failure: error.cause as TaggedFailure })
}

const verdictOf = <E extends TaggedFailure>(
  policy: object | undefined,
  cause: Cause.Cause<E>,
): Verdict | undefined => {
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  if (failure === undefined) return Cause.isInterruptedOnly(cause) ? "return" : undefined
  // The types have checked that every tag of E is there; data from outside them fails the message.
  const rules = (policy ?? {}) as Partial<Record<string, Verdict | Decide<E>>>
  const rule = Object.hasOwn(rules, failure._tag) ? rules[failure._tag] : undefined
  return typeof rule === "function" ? rule(failure) : rule
}

type Decide<E> = (error: E) => Verdict
