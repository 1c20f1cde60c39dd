/**
 * The adapter for Skein by its Promise API. With SkeinEffectClient.ts the one file of the harness
 * that knows the library. It uses it as a service author would, so reconnects and resends under
 * test are the library's own.
 */
import {
  type Consumer,
  connect as connectSkein,
  isSkeinError,
  type Message,
  Queue,
} from "@skein/client"
import type { SettleKind, Tag } from "@skein/test-checker"
import type { FabricAdapter, FabricClient, FabricDelivery, Outcome } from "./FabricClient.js"

interface Taken {
  readonly consumer: Consumer<Uint8Array>
  /** The library fetches ahead: nothing can have been asked for earlier than this. */
  readonly askedAtNs: bigint
}

/** Publishing gives up after the library does (2 min). */
export const publishTimeoutMs = 180_000
/** Short, so that what a killed consumer held comes back within a test's patience. */
export const leaseMs = 5_000

export const connect: FabricAdapter["connect"] = async ({ address, process: name }) => {
  const skein = await connectSkein({ address, clientName: name })
  const consumers = new Map<string, Promise<Taken>>()
  /** Delivered and not settled, by tag. */
  const held = new Map<string, Message<Uint8Array>>()
  const handle = (queue: string) => skein.queue(definitionOf(queue))

  const take = (queue: string): Promise<Taken> => {
    const known = consumers.get(queue)
    if (known !== undefined) return known
    const askedAtNs = process.hrtime.bigint()
    const made = handle(queue)
      .consume({ prefetchMessages: 1_024 })
      .then((consumer) => ({ consumer, askedAtNs }))
    consumers.set(queue, made)
    return made
  }

  const client: FabricClient = {
    producer: `skein-${name}`,
    declare: async (queue, ms = leaseMs) => {
      await skein.declare(queue, { leaseMs: ms })
    },
    publishBatch: (queue, bodies) =>
      handle(queue)
        .publishMany(bodies, { timeoutMs: publishTimeoutMs })
        .then((): Outcome => ({ phase: "ok" }), failure),
    fetch: async (queue, { waitMs }) => {
      const { consumer, askedAtNs } = await take(queue)
      const { generation } = await handle(queue).info()
      const batch = await consumer.take({ timeoutMs: waitMs }).catch((error: unknown) => {
        if (isSkeinError(error) && error._tag === "TimedOut") return undefined
        throw error
      })
      return (batch?.messages ?? []).map((message): FabricDelivery => {
        const { redelivered, failed, returned, sequence, epoch, attempt } = message
        const tag: Tag = [String(generation), sequence, epoch, attempt]
        held.set(tag.join("/"), message)
        return { body: bodyOf(message), redelivered, failed, returned, tag, askedAtNs }
      })
    },
    settle: (_queue, kind, tags) => Promise.all(tags.map((tag) => settleOne(held, kind, tag))),
    depth: async (queue) => (await skein.show(queue)).counts.total,
    close: () => skein.close(),
  }
  return client
}

const definitions = new Map<string, ReturnType<typeof Queue.bytes>>()

/** One definition per name: the library keeps one handle, and so one order, per definition. */
export const definitionOf = (queue: string): ReturnType<typeof Queue.bytes> => {
  const known = definitions.get(queue) ?? Queue.bytes(queue)
  definitions.set(queue, known)
  return known
}

const settleOne = (held: Map<string, Message<Uint8Array>>, kind: SettleKind, tag: Tag) => {
  const message = held.get(tag.join("/"))
  held.delete(tag.join("/"))
  if (message === undefined) throw new Error(`settles what it does not hold: ${tag.join("/")}`)
  return message[kind]().then((): Outcome => ({ phase: "ok" }), settleFailure)
}

/** A batch may be cut into several frames, so a rejection says nothing of its first messages. */
export const failure = (error: unknown): Outcome => ({
  phase: isSkeinError(error) && error.data.outcome === "not sent" ? "fail" : "info",
  reason: String(error),
})

export const settleFailure = (error: unknown): Outcome => ({
  phase: isSkeinError(error) && error._tag === "LeaseLost" ? "fail" : "info",
  reason: String(error),
})

/** Bytes that do not decode are evidence, too: the checker shall see them as they are. */
export const bodyOf = (message: Message<Uint8Array>): Uint8Array => {
  try {
    return message.value
  } catch {
    return message.body
  }
}
