import { isSkeinError, type SkeinError, skeinError } from "@skein/model"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { makeClient, Queue } from "../index.js"
import { FakeCluster } from "../testing/FakeCluster.js"
import type { Fault } from "../testing/FakeFabric.js"
import { settleAll, TestClock, testRuntime } from "../testing/TestClock.js"

const nodes = 3
const names = ["a", "b", "c", "d"] as const

type Step =
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "disconnect" | "kill" | "start" | "stop" | "takeOver" | "tell"; at: number }
  | { readonly do: "move"; readonly shard: number; readonly to: number }
  | { readonly do: "publish"; readonly queue: number; readonly count: number }
  | { readonly do: "name"; readonly owners: boolean }

const node = fc.integer({ min: 0, max: nodes - 1 })
const shard = fc.integer({ min: 0, max: names.length - 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      queue: shard,
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("advance" as const),
      ms: fc.integer({ min: 0, max: 60 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("move" as const), shard, to: node }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom<"disconnect" | "kill" | "start" | "stop" | "takeOver" | "tell">(
        "kill",
        "start",
        "stop",
        "takeOver",
        "takeOver",
        "tell",
        "disconnect",
      ),
      at: node,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("name" as const), owners: fc.boolean() }),
  },
)

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 12, arbitrary: fc.constant<Fault>("none") },
  { weight: 2, arbitrary: fc.constantFrom<Fault>("dropBefore", "dropAfter") },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Fault>(
      skeinError("ShardUnavailable", "opening"),
      skeinError("QueueFull", "full"),
      skeinError("Moved", "elsewhere", { node: "n1", address: "n1:1" }),
      skeinError("Moved", "to somebody whom nobody knows", { node: "x", address: "x:1" }),
      skeinError("Moved", "nobody knows where"),
    ),
  },
  {
    weight: 6,
    arbitrary: fc
      .record({
        happened: fc.boolean(),
        error: fc.constantFrom(
          skeinError("ShardUnavailable", "closed", { outcome: "unknown" }),
          skeinError("Moved", "closed over it", { outcome: "unknown" }),
          skeinError("TimedOut", "no answer, and the connection stands"),
        ),
      })
      .map(({ happened, error }): Fault => (happened ? { happenedBut: error } : error)),
  },
)

/** What the program sees of one queue, and what it must never see. */
class Author {
  readonly confirmed: number[] = []
  readonly processed = new Set<number>()
  published = 0
  ended = 0
  settlesOpen = 0
  readonly problems: string[] = []
  #unflagged = 0

  sent(publish: (index: number) => Promise<{ readonly sequence: number | undefined }>): void {
    const index = this.published++
    publish(index).then(
      () => {
        this.confirmed.push(index)
        this.ended++
      },
      (error: unknown) => {
        this.problems.push(`publish ${index}: ${error}`)
        this.ended++
      },
    )
  }

  delivered(index: number, sequence: number, redelivered: boolean): void {
    if (redelivered) return
    if (sequence <= this.#unflagged) {
      this.problems.push(`unflagged ${sequence} (${index}) after ${this.#unflagged}`)
    }
    this.#unflagged = sequence
  }

  settled(index: number, error: SkeinError | undefined): void {
    this.settlesOpen--
    if (error === undefined) this.processed.add(index)
    // Lost to a crash: it comes again. Anything else is the library's business.
    else if (error._tag !== "LeaseLost") this.problems.push(`settle ${index}: ${error}`)
  }
}

const body = (index: number): Uint8Array => Uint8Array.of(index >> 8, index & 255)
const indexOf = (packed: Uint8Array): number => packed[2] * 256 + packed[3]

const run = async (
  steps: readonly Step[],
  faults: { readonly any: readonly Fault[]; readonly publishes: readonly Fault[] },
  delayMs: number,
): Promise<void> => {
  const clock = new TestClock()
  const cluster = new FakeCluster(clock, nodes, names.length)
  const client = await makeClient(cluster.open, { runtime: testRuntime(clock) })
  const authors = names.map(() => new Author())
  const queues = names.map((name) => client.queue(Queue.bytes(name)))
  for (const name of names) await client.declare(Queue.bytes(name))
  for (const [at, queue] of queues.entries()) {
    const consumer = await queue.consume({ prefetchMessages: 16 })
    consumeAll(consumer, authors[at])
  }
  const left = [...faults.any]
  const ofPublishes = [...faults.publishes]
  for (const { fabric } of cluster.nodes) {
    fabric.delayMs = delayMs
    fabric.fault = (op) => (op === "publish" ? ofPublishes : left).shift() ?? "none"
  }
  const act = async (one: Step): Promise<void> => {
    if (one.do === "advance") await clock.advance(one.ms)
    else if (one.do === "disconnect") cluster.nodes[one.at].fabric.disconnect()
    else if (one.do === "move") cluster.move(one.shard, one.to)
    else if (one.do === "name") cluster.namesOwners = one.owners
    else if (one.do === "publish") {
      for (let i = 0; i < one.count; i++) {
        authors[one.queue].sent((index) => queues[one.queue].publish(body(index)))
      }
    } else cluster[one.do](one.at)
  }
  for (const one of steps) await act(one)
  left.length = 0
  ofPublishes.length = 0
  await heal(cluster, clock)
  const done = (): boolean =>
    authors.every((each) => each.ended === each.published && each.processed.size === each.ended)
  for (let round = 0; round < 25 && !done(); round++) {
    if (await clock.advanceUntil(done, 2_000)) break
    // Deliveries that never reached the client come back by the end of their lease.
    for (const each of cluster.nodes) each.fabric.expireLeases()
  }
  const closing = client.close()
  await clock.advance(60_000)
  await closing
  for (const [at, author] of authors.entries()) {
    const stored = cluster.store.byName.get(names[at])?.messages.map((one) => indexOf(one.body))
    expect(author.problems.join("; ")).toBe("")
    expect(stored, "stored once, in the order of the calls").toEqual(
      Array.from({ length: author.published }, (_, index) => index),
    )
    expect(author.confirmed.length).toBe(author.published)
    expect(author.processed.size).toBe(author.published)
    expect(author.settlesOpen).toBe(0)
  }
  expect(clock.timers).toBe(0)
}

const heal = async (cluster: FakeCluster, clock: TestClock): Promise<void> => {
  for (let at = 0; at < nodes; at++) cluster.start(at)
  await settleAll()
  cluster.takeOver(0)
  cluster.tellAll()
  await clock.advance(100)
}

const consumeAll = (
  consumer: Awaited<ReturnType<ReturnType<typeof queueOf>["consume"]>>,
  author: Author,
): void => {
  const loop = async (): Promise<void> => {
    for await (const message of consumer) {
      const index = indexOf(message.body)
      author.delivered(index, message.sequence, message.redelivered)
      author.settlesOpen++
      message.ack().then(
        () => author.settled(index, undefined),
        (error: unknown) => {
          if (!isSkeinError(error)) throw error
          author.settled(index, error)
        },
      )
      await settleAll()
    }
  }
  loop().catch((error: unknown) => author.problems.push(`consume: ${error}`))
}

const queueOf = (client: Awaited<ReturnType<typeof makeClient>>) => client.queue(Queue.bytes("q"))

describe("a client of a cluster", () => {
  it("loses, doubles and reorders nothing, and its author hears no error", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 50 }),
        fc.record({
          any: fc.array(fault, { maxLength: 60 }),
          publishes: fc.array(fault, { maxLength: 20 }),
        }),
        fc.constantFrom(0, 1, 7),
        (steps, faults, delayMs) => run(steps, faults, delayMs),
      ),
      { numRuns: 150 },
    )
  }, 60_000)
})
