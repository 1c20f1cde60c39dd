/**
 * Owns: workers whose handlers are effects, with a failure policy that the compiler checks: each
 * tag of the handler's errors must say what becomes of the message.
 */
import { isSkeinError } from "@skein/model"
import { Cause, Effect, Exit, Option, Runtime } from "effect"
import type { Message } from "../consume/Message.js"
import { ignore } from "../Deferred.js"
import type { QueueDefinition } from "../QueueDefinition.js"
import type { Disposition, WorkerOptions } from "../worker/WorkerOptions.js"
import { type ConsumeError, call, consumeTags } from "./errors.js"
import { Skein } from "./Skein.js"

/** Anything with a tag: `Data.TaggedError`, `Schema.TaggedError`, SkeinError. */
export interface TaggedFailure {
  readonly _tag: string
}

/** For each tag of E what becomes of the message, or a function that decides. */
export type FailurePolicy<E extends TaggedFailure> = {
  readonly [Tag in E["_tag"]]:
    | Disposition
    | ((error: Extract<E, { readonly _tag: Tag }>) => Disposition)
}

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
): Effect.Effect<never, ConsumeError, R | Skein> =>
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
        throw new HandlerFailed(dispositionOf(options.onFailure, exit.cause), error)
      }
      const worker = yield* Effect.acquireRelease(
        call(consumeTags, () =>
          client.queue(queue).worker(handle, {
            ...settings,
            onFailure: (error) => (error instanceof HandlerFailed ? error.disposition : undefined),
          }),
        ),
        (made) => Effect.promise(() => made.stop().catch(ignore)),
      )
      yield* call(consumeTags, () => worker.done)
      // The worker ends by itself only when its client was closed.
      return yield* Effect.never
    }),
  )

class HandlerFailed extends Error {
  constructor(
    readonly disposition: Disposition | undefined,
    cause: unknown,
  ) {
    super("the handler failed", { cause })
  }
}

const dispositionOf = <E extends TaggedFailure>(
  policy: object | undefined,
  cause: Cause.Cause<E>,
): Disposition | undefined => {
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  if (failure === undefined) return Cause.isInterruptedOnly(cause) ? "return" : undefined
  // The types have checked that every tag of E is there; data from outside them fails the message.
  const rules = (policy ?? {}) as Partial<Record<string, Disposition | Decide<E>>>
  const rule = Object.hasOwn(rules, failure._tag) ? rules[failure._tag] : undefined
  return typeof rule === "function" ? rule(failure) : rule
}

type Decide<E> = (error: E) => Disposition
