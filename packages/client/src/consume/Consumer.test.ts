import { isSkeinError, type Outcome, type SkeinError, skeinError } from "@skein/model"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { makeClient, Queue, type QueueHandle } from "../index.js"
import { FakeFabric, type Fault } from "../testing/FakeFabric.js"
import { settleAll, TestClock, testRuntime } from "../testing/TestClock.js"
import type { Consumer } from "./Consumer.js"
import type { Message } from "./Message.js"

const bytes = Queue.bytes("q")

const setup = async (policy = {}) => {
  const clock = new TestClock()
  const fabric = new FakeFabric(clock)
  const client = await makeClient(fabric.open, { runtime: testRuntime(clock) })
  await client.declare(bytes, policy)
  const queue = client.queue(bytes)
  await queue.info()
  return { clock, fabric, client, queue, stored: fabric.queue("q") }
}

const fill = (queue: QueueHandle<Uint8Array>, count: number) =>
  queue.publishMany(Array.from({ length: count }, (_, i) => Uint8Array.of(i >> 8, i & 255)))

const errorOf = async (promise: Promise<unknown>): Promise<SkeinError> => {
  try {
    await promise
  } catch (error) {
    if (isSkeinError(error)) return error
    throw error
  }
  throw new Error("it did not fail")
}

const take = async (consumer: Consumer<Uint8Array>) => {
  const batch = await consumer.take()
  if (batch === undefined) throw new Error("the consumer is closed")
  return batch
}

const takeCount = async (consumer: Consumer<Uint8Array>, count: number) => {
  const messages: Message<Uint8Array>[] = []
  while (messages.length < count) messages.push(...(await take(consumer)).messages)
  return messages
}

describe("Consumer", () => {
  it("settles by each outcome, and tells key, headers and counts", async () => {
    const { queue, stored } = await setup()
    const columns = { key: "k", headers: { a: 1, b: ["x"] } }
    await queue.publish(Uint8Array.of(1), columns)
    await fill(queue, 3)
    const consumer = await queue.consume()
    const [first, second, third, fourth] = await takeCount(consumer, 4)
    expect([first.key, first.headers, first.redelivered]).toEqual(["k", columns.headers, false])
    expect([second.key, second.headers]).toEqual([undefined, {}])
    await Promise.all([first.ack(), second.reject(), third.fail(), fourth.return()])
    expect(stored.messages.map((each) => each.ended?.outcome)).toEqual([
      "ack",
      "reject",
      "fail",
      "return",
    ])
    const again = await takeCount(consumer, 2)
    const counts = again.map((m) => [m.sequence, m.failed, m.returned, m.redelivered])
    expect(counts).toEqual([
      [3, 1, 0, true],
      [4, 0, 1, true],
    ])
    expect((await errorOf(first.ack()))._tag).toBe("LeaseLost")
  })

  it("sends settles of one tick as one request of merged ranges", async () => {
    const { queue, fabric } = await setup()
    await fill(queue, 100)
    const consumer = await queue.consume()
    const batch = await take(consumer)
    let requests = 0
    fabric.fault = (op) => {
      if (op === "settle" || op === "fetch") requests++
      return "none"
    }
    await Promise.all([...batch.messages].reverse().map((message) => message.ack()))
    expect(requests).toBe(1)
    expect(fabric.queue("q").acked).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
  })

  it("reports LeaseLost for the message that was delivered again", async () => {
    const { clock, queue, fabric } = await setup({ leaseMs: 1000 })
    await fill(queue, 3)
    const consumer = await queue.consume()
    const batch = await take(consumer)
    const other = await queue.consume()
    await clock.advance(1500)
    fabric.expireLeases()
    await settleAll()
    const results = await Promise.all(
      batch.messages.map((message) =>
        message.ack().then(
          () => "ok",
          (e: SkeinError) => e._tag,
        ),
      ),
    )
    expect(results).toEqual(["LeaseLost", "LeaseLost", "LeaseLost"])
    await Promise.all([consumer.close(), other.close()])
  })

  it("renews the leases of what waits here, not of what was handed out", async () => {
    const { clock, queue, fabric, stored } = await setup({ leaseMs: 3000 })
    await fill(queue, 2)
    const consumer = await queue.consume()
    await take(consumer)
    await fill(queue, 2)
    await clock.advance(10_000)
    fabric.expireLeases()
    const states = stored.messages.map((each) => [each.state, each.failed])
    expect(states.slice(2)).toEqual([
      ["leased", 0],
      ["leased", 0],
    ])
    expect(states.slice(0, 2).map(([, failed]) => failed)).toEqual([1, 1])
    await consumer.close()
  })

  it("fetches its prefetch, and pauses at the bound of what is unsettled", async () => {
    const { queue, stored } = await setup()
    await fill(queue, 1000)
    const consumer = await queue.consume({ prefetchMessages: 40, unsettledMessagesMax: 100 })
    const leased = () => stored.messages.filter((each) => each.state === "leased").length
    await settleAll()
    expect(leased()).toBeLessThanOrEqual(40)
    const taken: Message<Uint8Array>[] = []
    while (taken.length < 60) taken.push(...(await take(consumer)).messages)
    await settleAll()
    expect(leased()).toBeLessThanOrEqual(100)
    await Promise.all(taken.map((message) => message.ack()))
    while (taken.length < 1000) {
      const batch = await take(consumer)
      taken.push(...batch.messages)
      await batch.ack()
    }
    expect(taken.map((message) => message.sequence)).toEqual(
      Array.from({ length: 1000 }, (_, i) => i + 1),
    )
  })

  it("loses no message to a loop that is left early", async () => {
    const { queue } = await setup()
    await fill(queue, 10)
    const consumer = await queue.consume()
    const seen: number[] = []
    const seeUntil = async (last: number): Promise<void> => {
      for await (const message of consumer) {
        seen.push(message.sequence)
        await message.ack()
        if (message.sequence === last) return
      }
    }
    await seeUntil(3)
    await seeUntil(4)
    await seeUntil(10)
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  it("close returns what is not settled", async () => {
    const { queue, stored } = await setup()
    await fill(queue, 10)
    const consumer = await queue.consume()
    const batch = await take(consumer)
    await batch.messages[0].ack()
    await consumer.close()
    expect(stored.messages.map((each) => [each.state, each.returned]).slice(0, 3)).toEqual([
      ["gone", 0],
      ["ready", 1],
      ["ready", 1],
    ])
    expect(await consumer.take()).toBe(undefined)
  })

  it("gives a second consumer of the queue a session of its own", async () => {
    const { queue, stored } = await setup()
    const [a, b] = [await queue.consume(), await queue.consume()]
    await fill(queue, 2)
    await settleAll()
    const first = await Promise.race([take(a), take(b)])
    await first.ack()
    expect(stored.acked.length).toBe(2)
    await Promise.all([a.close(), b.close()])
  })

  it("ends iteration with QueueNotFound when the queue is deleted", async () => {
    const { clock, client, queue } = await setup()
    const consumer = await queue.consume()
    const ended = errorOf(consumer.take())
    await client.delete(bytes)
    await clock.advance(30_000)
    expect((await ended)._tag).toBe("QueueNotFound")
  })

  it("a body that does not decode is a typed error of that message alone", async () => {
    const { client } = await setup()
    await client.queue("q").publish({ not: "bytes" })
    const consumer = await client.queue(bytes).consume()
    const [message] = (await take(consumer)).messages
    expect(() => message.value).toThrow(/SKEIN_BODY_UNDECODABLE/)
    await message.reject()
    await client.close()
  })

  it("keeps the order when a refused fetch is repeated because its refusal was lost", async () => {
    const { clock, queue, fabric } = await setup()
    const faults: Fault[] = [skeinError("ShardUnavailable", "opening"), "none", "dropBefore"]
    fabric.fault = (op) => (op === "fetch" ? (faults.shift() ?? "none") : "none")
    await fill(queue, 5)
    const consumer = await queue.consume()
    await settleAll()
    const more = fill(queue, 5)
    await clock.advance(1000)
    await more
    const messages = await takeCount(consumer, 10)
    expect(messages.map((each) => each.sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  it("keeps the order when a fetch has no answer and its connection stands", async () => {
    for (const noAnswer of [
      skeinError("TimedOut", "no answer"),
      skeinError("ConnectionFailed", ""),
    ]) {
      for (const fault of [noAnswer, { happenedBut: noAnswer }]) {
        const { clock, queue, fabric, client } = await setup()
        const faults: Fault[] = [fault]
        fabric.fault = (op) => (op === "fetch" ? (faults.shift() ?? "none") : "none")
        const consumer = await queue.consume({ prefetchMessages: 16 })
        await settleAll()
        await fill(queue, 16)
        const taken = takeCount(consumer, 16)
        await clock.advance(1000)
        expect((await taken).map((each) => each.sequence)).toEqual(
          Array.from({ length: 16 }, (_, i) => i + 1),
        )
        const closing = client.close()
        await clock.advance(1000)
        await closing
      }
    }
  })

  it("times settles out without a connection, and settles them later all the same", async () => {
    const { clock, queue, fabric, stored } = await setup()
    await fill(queue, 1)
    const consumer = await queue.consume()
    const batch = await take(consumer)
    fabric.connectError = skeinError("ConnectionFailed", "away")
    fabric.disconnect()
    const late = errorOf(batch.messages[0].ack({ timeoutMs: 1000 }))
    await clock.advance(2000)
    expect(await late).toMatchObject({ _tag: "TimedOut", data: { outcome: "unknown" } })
    fabric.connectError = undefined
    await clock.advance(5000)
    expect(stored.acked).toEqual([1])
  })
})

type Step =
  | { readonly do: "advance"; readonly ms: number }
  | {
      readonly do: "disconnect" | "expire" | "publish" | "restart" | "tick"
    }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Step>({ do: "publish" }) },
  { weight: 8, arbitrary: fc.constant<Step>({ do: "tick" }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("advance" as const),
      ms: fc.integer({ min: 1, max: 2000 }),
    }),
  },
  { weight: 2, arbitrary: fc.constantFrom<Step>({ do: "disconnect" }, { do: "restart" }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "expire" }) },
)

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 10, arbitrary: fc.constant<Fault>("none") },
  { weight: 3, arbitrary: fc.constantFrom<Fault>("dropBefore", "dropAfter") },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Fault>(
      skeinError("ShardUnavailable", "opening"),
      skeinError("Overloaded", "busy"),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Fault>(
      skeinError("TimedOut", "no answer, and the connection stands"),
      { happenedBut: skeinError("TimedOut", "no answer, and the connection stands") },
    ),
  },
)

interface Log {
  readonly delivered: { readonly sequence: number; readonly redelivered: boolean }[]
  readonly acked: number[]
  open: number
}

/** Consumes with outcomes drawn from `outcomes`; all become acks at last. */
const consumeAll = async (
  consumer: Consumer<Uint8Array>,
  outcomes: Outcome[],
  log: Log,
): Promise<void> => {
  for await (const message of consumer) {
    const outcome = outcomes.shift() ?? "ack"
    const { sequence, redelivered } = message
    log.delivered.push({ sequence, redelivered })
    log.open++
    const over = (): void => {
      log.open--
    }
    if (outcome === "ack") {
      message.ack().then(() => {
        log.acked.push(sequence)
        over()
      }, over)
    } else message[outcome]().then(over, over)
  }
}

describe("Consumer under faults", () => {
  it("processes all, confirms what is settled, keeps the order of the unflagged", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 50 }),
        fc.array(fault, { maxLength: 40 }),
        fc.array(fc.constantFrom<Outcome>("ack", "ack", "ack", "return", "fail"), {
          maxLength: 60,
        }),
        fc.constantFrom(0, 1, 15),
        runFaults,
      ),
      { numRuns: 300 },
    )
  })
})

const runFaults = async (
  steps: readonly Step[],
  faults: readonly Fault[],
  outcomes: readonly Outcome[],
  delayMs: number,
): Promise<void> => {
  const { clock, client, fabric, queue, stored } = await setup({ leaseMs: 5000 })
  const log: Log = { delivered: [], acked: [], open: 0 }
  const consumer = await queue.consume({ prefetchMessages: 64 })
  const over = consumeAll(consumer, [...outcomes], log)
  const left = [...faults]
  fabric.delayMs = delayMs
  fabric.fault = (op) => (op === "publish" ? "none" : (left.shift() ?? "none"))
  let unconfirmed = 0
  let expected = 0
  for (const one of steps) {
    if (one.do === "advance") await clock.advance(one.ms)
    else if (one.do === "tick") await settleAll()
    else if (one.do === "disconnect") fabric.disconnect()
    else if (one.do === "restart") fabric.restart()
    else if (one.do === "expire") fabric.expireLeases()
    else {
      unconfirmed += 5
      fill(queue, 5).then(() => {
        unconfirmed -= 5
        expected += 5
      })
    }
  }
  left.length = 0
  const isDrained = (): boolean => {
    fabric.expireLeases()
    return (
      unconfirmed === 0 && log.open === 0 && stored.messages.every((each) => each.state === "gone")
    )
  }
  expect(await clock.advanceUntil(isDrained, 120_000, 500), "all is processed").toBe(true)
  expect(stored.messages.length).toBe(expected)
  expect(new Set(log.acked).size, "an ack is confirmed once").toBe(log.acked.length)
  for (const sequence of log.acked) {
    expect(stored.messages[sequence - 1].ended?.outcome).toBe("ack")
  }
  const unflagged = log.delivered.filter((each) => !each.redelivered).map((each) => each.sequence)
  expect(
    [...unflagged].sort((a, b) => a - b),
    "unflagged order",
  ).toEqual(unflagged)
  expect(new Set(unflagged).size, "no unflagged duplicate").toBe(unflagged.length)
  const closing = client.close()
  await clock.advance(40_000)
  await closing
  await over
  await clock.advance(60_000)
  expect(clock.timers, "no timer is left").toBe(0)
}
