/** Owns: consuming as streams, and settling as effects. */
import type { Tagged } from "@skein/model"
import { Chunk, Effect, Option, Stream } from "effect"
import type { ConsumeOptions, Consumer } from "../consume/Consumer.js"
import type { Batch, Message } from "../consume/Message.js"
import type { BatchSettled } from "../consume/SettleWaiters.js"
import type { CallOptions } from "../Deadline.js"
import { ignore } from "../Deferred.js"
import type { QueueDefinition } from "../QueueDefinition.js"
import {
  type CallError,
  type ConsumeError,
  call,
  consumeTags,
  narrow,
  type SettleError,
  settleTags,
} from "./errors.js"
import { Skein } from "./Skein.js"

type Options = Omit<ConsumeOptions & CallOptions, "signal">

/** The queue's messages, leased to this client; what is not settled goes back when it ends. */
export const stream = <A>(
  queue: QueueDefinition<A>,
  options?: Options,
): Stream.Stream<Message<A>, ConsumeError, Skein> =>
  taken(queue, options, (batch) => Chunk.unsafeFromArray(batch.messages))

/** The same as whole batches, to be settled as wholes: the fast way. */
export const batches = <A>(
  queue: QueueDefinition<A>,
  options?: Options,
): Stream.Stream<Batch<A>, ConsumeError, Skein> => taken(queue, options, Chunk.of)

/** The decoded value; fails with BodyUndecodable. */
export const value = <A>(message: Message<A>): Effect.Effect<A, Tagged<"BodyUndecodable">> =>
  Effect.try({
    try: () => message.value,
    catch: (error) => error as Tagged<"BodyUndecodable">,
  })

/** Processed: gone. Succeeds when that is durable. */
export const ack = (message: Settles): Effect.Effect<void, SettleError> =>
  settle((signal) => message.ack({ signal }))

/** Not wanted now: back to its place, counted as returned. */
export const giveBack = (message: Settles): Effect.Effect<void, SettleError> =>
  settle((signal) => message.return({ signal }))

/** Processing failed: back to its place, counted as failed. */
export const fail = (message: Settles): Effect.Effect<void, SettleError> =>
  settle((signal) => message.fail({ signal }))

/** Never again: deleted and counted. */
export const reject = (message: Settles): Effect.Effect<void, SettleError> =>
  settle((signal) => message.reject({ signal }))

/** Acks all of a batch that is not settled; answers what was lost meanwhile. */
export const ackBatch = (
  batch: Pick<Batch<unknown>, "ack">,
): Effect.Effect<BatchSettled, SettleError> => settle((signal) => batch.ack({ signal }))

type Settles = Pick<Message<unknown>, "ack" | "fail" | "reject" | "return">

const settle = <B>(
  run: (signal: AbortSignal) => Promise<B>,
): Effect.Effect<B, CallError | SettleError> => call(settleTags, run)

const taken = <A, B>(
  queue: QueueDefinition<A>,
  options: Options | undefined,
  chunkOf: (batch: Batch<A>) => Chunk.Chunk<B>,
): Stream.Stream<B, ConsumeError, Skein> =>
  Stream.unwrapScoped(
    Effect.map(acquire(queue, options), (consumer) =>
      Stream.repeatEffectChunkOption(
        Effect.tryPromise({
          try: () => consumer.take(),
          catch: (error) => Option.some(narrow(consumeTags, error)),
        }).pipe(
          Effect.flatMap((batch) =>
            batch === undefined ? Effect.fail(Option.none()) : Effect.succeed(chunkOf(batch)),
          ),
        ),
      ),
    ),
  )

const acquire = <A>(queue: QueueDefinition<A>, options: Options | undefined) =>
  Effect.acquireRelease(
    Effect.flatMap(Skein, (client) =>
      call(consumeTags, () => client.queue(queue).consume(options)),
    ),
    (consumer: Consumer<A>) => Effect.promise(() => consumer.close().catch(ignore)),
  )
