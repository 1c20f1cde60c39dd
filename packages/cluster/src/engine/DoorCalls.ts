/**
 * Owns: what all doors have in common: how a handler's errors travel, and how a call through a door
 * is made: with an end, and with errors that keep their tags.
 * Must not know: which doors there are.
 *
 * The engine retries a call for ever while its shard has no runner, so each call has a time-out; an
 * entity that ends meanwhile gives an interrupt. Both become ShardUnavailable. A call that met a
 * node which has just lost the shard is made again until then, unless it may have been carried out.
 */
import {
  decodeError,
  encodeError,
  isSkeinError,
  type Shard,
  type SkeinError,
  type SkeinErrorEncoded,
  shardName,
  skeinError,
} from "@skein/model"
import { Cause, Duration, Effect, Exit, Option, Runtime, Schedule } from "effect"

const callWithinMs = 5_000
const retryEveryMs = 50

/** Doors of one kind. */
export const doorOptions = {
  concurrency: "unbounded",
  disableFatalDefects: true,
  maxIdleTime: "10 seconds",
  mailboxCapacity: 4096,
} as const

/** Of the id `s017/orders` the group `s017`. */
export const groupOfDoor = (id: string): string => id.slice(0, id.indexOf("/"))

export const doorId = (shard: Shard, name: string): string => `${shardName(shard)}/${name}`

/**
 * Carries a call out. What has begun goes on to its end whatever happens to the door; an interrupt
 * only gives up its answer, so that a call which never ends does not keep a node from stopping.
 */
export const answerDoor = <A>(call: () => Promise<A>): Effect.Effect<A, SkeinErrorEncoded> =>
  Effect.tryPromise({
    try: call,
    catch: (cause) =>
      encodeError(
        isSkeinError(cause) ? cause : skeinError("InternalError", "a control call failed"),
      ),
  })

export type CallDoor = <A>(call: Effect.Effect<A, unknown>) => Promise<A>

/**
 * Rejects with a SkeinError only; after `withinMs` at the latest, with what `lost` makes of it:
 * default ShardUnavailable, and then a call to a shard that is on its way is made again.
 */
export const makeCallDoor = (
  withinMs = callWithinMs,
  lost?: (how: string) => SkeinError,
): Effect.Effect<CallDoor> =>
  Effect.map(Effect.runtime<never>(), (runtime) => {
    const run = Runtime.runPromiseExit(runtime)
    return async (call) => {
      const patient = Effect.retry(call, {
        while: lost === undefined ? isInTransition : () => false,
        schedule: Schedule.spaced(Duration.millis(retryEveryMs)),
      })
      const exit = await run(Effect.timeoutOption(Effect.exit(patient), withinMs))
      const ending = lost ?? shardLost
      if (Exit.isFailure(exit)) throw errorOf(exit.cause, ending)
      const ended = Option.getOrUndefined(exit.value)
      if (ended === undefined) throw ending(`there was none in ${withinMs} ms`)
      if (Exit.isSuccess(ended)) return ended.value
      throw errorOf(ended.cause, ending)
    }
  })

const shardLost = (how: string): SkeinError =>
  skeinError("ShardUnavailable", `the answer of the node that has the shard: ${how}`)

/** The shard was not open where the call came to: nothing was done. */
const isInTransition = (failure: unknown): boolean =>
  isEncoded(failure) &&
  (failure.tag === "ShardUnavailable" || failure.tag === "Moved") &&
  failure.data.outcome === undefined

const errorOf = (cause: Cause.Cause<unknown>, lost: (how: string) => SkeinError): SkeinError => {
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  if (isEncoded(failure)) return decodeError(failure)
  if (Cause.isInterruptedOnly(cause)) {
    return lost("its door was closed during the call")
  }
  return lost(Cause.pretty(cause))
}

const isEncoded = (value: unknown): value is SkeinErrorEncoded =>
  typeof value === "object" &&
  value !== null &&
  "tag" in value &&
  "detail" in value &&
  "data" in value
