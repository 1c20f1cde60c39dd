/**
 * The adapter for Skein by its Effect API: streams of batches, publishes and settles as effects.
 * What does not differ it takes from the adapter of the Promise API.
 */
import { Consumer, Publisher, Queues, Skein, type SkeinError } from "@skein/client/effect"
import type { SettleKind, Tag } from "@skein/test-checker"
import { Effect, Fiber, ManagedRuntime, Queue, Stream } from "effect"
import type { FabricAdapter, FabricDelivery, Outcome } from "./FabricClient.js"
import {
  bodyOf,
  definitionOf,
  failure,
  leaseMs,
  publishTimeoutMs,
  settleFailure,
} from "./SkeinClient.js"

type Definition = ReturnType<typeof definitionOf>
type Batches = Stream.Stream.Success<ReturnType<typeof Consumer.batches<Uint8Array>>>
type Taken = Batches["messages"][number]

const settles = {
  ack: Consumer.ack,
  return: Consumer.giveBack,
  reject: Consumer.reject,
} satisfies Record<SettleKind, unknown>

/** A stream that runs for itself: a fetch that finds nothing in time must lose nothing. */
const follow = (definition: Definition) =>
  Effect.gen(function* () {
    const askedAtNs = process.hrtime.bigint()
    // One batch waits here and one at the door: the library renews no lease of either.
    const batches = yield* Queue.bounded<Batches>(1)
    const fiber = yield* Consumer.batches(definition, { prefetchMessages: 1_024 }).pipe(
      Stream.runForEach((batch) => Queue.offer(batches, batch)),
      Effect.forkDaemon,
    )
    return { askedAtNs, batches, fiber }
  })

const okUnless =
  (told: (error: SkeinError) => Outcome) =>
  <A, R>(effect: Effect.Effect<A, SkeinError, R>): Effect.Effect<Outcome, never, R> =>
    Effect.match(effect, { onSuccess: () => ({ phase: "ok" }) as Outcome, onFailure: told })

export const connect: FabricAdapter["connect"] = async ({ address, process: name }) => {
  const runtime = ManagedRuntime.make(Skein.layer({ address, clientName: name }))
  await runtime.runPromise(Skein)
  const followed = new Map<string, Promise<Effect.Effect.Success<ReturnType<typeof follow>>>>()
  const held = new Map<string, Taken>()

  const followOnce = (queue: string) => {
    const made = followed.get(queue) ?? runtime.runPromise(follow(definitionOf(queue)))
    followed.set(queue, made)
    return made
  }

  const fetch = async (queue: string, waitMs: number) => {
    const { askedAtNs, batches, fiber } = await followOnce(queue)
    const { generation } = await runtime.runPromise(Queues.show(queue))
    const next = Queue.take(batches).pipe(Effect.raceFirst(Fiber.join(fiber)))
    const batch = await runtime.runPromise(Effect.timeoutOption(next, waitMs))
    const messages = batch._tag === "Some" ? (batch.value?.messages ?? []) : []
    return messages.map((message): FabricDelivery => {
      const { redelivered, failed, returned, sequence, epoch, attempt } = message
      const tag: Tag = [String(generation), sequence, epoch, attempt]
      held.set(tag.join("/"), message)
      return { body: bodyOf(message), redelivered, failed, returned, tag, askedAtNs }
    })
  }

  const settle = (kind: SettleKind, tag: Tag) => {
    const message = held.get(tag.join("/"))
    held.delete(tag.join("/"))
    if (message === undefined) throw new Error(`settles what it does not hold: ${tag.join("/")}`)
    return okUnless(settleFailure)(settles[kind](message))
  }

  return {
    producer: `skein-${name}`,
    declare: async (queue, ms = leaseMs) => {
      await runtime.runPromise(Queues.declare(queue, { leaseMs: ms }))
    },
    publishBatch: (queue, bodies) =>
      runtime.runPromise(
        Publisher.publishMany(definitionOf(queue), bodies, { timeoutMs: publishTimeoutMs }).pipe(
          okUnless(failure),
        ),
      ),
    fetch: (queue, { waitMs }) => fetch(queue, waitMs),
    settle: (_queue, kind, tags) =>
      runtime.runPromise(
        Effect.forEach(tags, (tag) => settle(kind, tag), { concurrency: "unbounded" }),
      ),
    depth: async (queue) => (await runtime.runPromise(Queues.show(queue))).counts.total,
    close: () => runtime.dispose(),
  }
}
