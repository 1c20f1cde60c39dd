import { isSkeinError, limits, type SkeinError, skeinError } from "@skein/model"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { clientLimits } from "../clientLimits.js"
import { makeClient, Queue } from "../index.js"
import { FakeFabric, type Fault } from "../testing/FakeFabric.js"
import { settleAll, TestClock, testRuntime } from "../testing/TestClock.js"
import type { Published } from "./PublishCall.js"

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

const body = (index: number): Uint8Array => Uint8Array.of(index >> 8, index & 255)
const indexOf = (packed: Uint8Array): number => packed[2] * 256 + packed[3]

type End = { readonly error: SkeinError } | { readonly published: Published }
const end = (promise: Promise<Published>): Promise<End> =>
  promise.then(
    (published) => ({ published }),
    (error: unknown) => {
      if (!isSkeinError(error)) throw error
      return { error }
    },
  )
const errorOf = async (promise: Promise<unknown>): Promise<SkeinError> => {
  try {
    await promise
  } catch (error) {
    if (isSkeinError(error)) return error
    throw error
  }
  throw new Error("it did not fail")
}

describe("Publisher", () => {
  it("sends what comes in one tick as one frame, without a timer", async () => {
    const { fabric, queue } = await setup()
    await Promise.all(Array.from({ length: 1000 }, (_, i) => queue.publish(body(i))))
    expect(fabric.publishes).toEqual([{ number: 1, messages: 1000 }])
  })

  it("gathers while frames are in flight", async () => {
    const { clock, fabric, queue } = await setup()
    fabric.delayMs = 10
    const all: Promise<Published>[] = []
    for (let i = 0; i < 100; i++) {
      all.push(queue.publish(body(i)))
      await settleAll()
    }
    await clock.advance(30)
    await Promise.all(all)
    expect(fabric.publishes.map((each) => each.messages)).toEqual([1, 1, 1, 1, 96])
  })

  it("cuts frames at 4,096 messages and at the bytes aimed at, eight in flight", async () => {
    const { fabric, queue } = await setup()
    await queue.publishMany(Array.from({ length: 10_000 }, (_, i) => body(i)))
    const large = new Uint8Array(100_000)
    await queue.publishMany(Array.from({ length: 5 }, () => large))
    expect(fabric.publishes.map((each) => each.messages)).toEqual([4096, 4096, 1808, 2, 2, 1])
  })

  it("answers a repeated dedup id as a duplicate", async () => {
    const { queue, stored } = await setup()
    await queue.publish(body(1), { dedupId: "a" })
    expect(await queue.publish(body(1), { dedupId: "a" })).toEqual({
      sequence: undefined,
      duplicate: true,
    })
    expect(stored.messages.filter((each) => each.state === "ready").length).toBe(1)
  })

  it("refuses a body above the queue's limit before it joins a frame", async () => {
    const { fabric, queue } = await setup({ bodyBytesMax: 100 })
    const [small, large] = await Promise.all([
      end(queue.publish(body(1))),
      end(queue.publish(new Uint8Array(200))),
    ])
    expect(small).toEqual({ published: { sequence: 1, duplicate: false } })
    expect("error" in large && large.error._tag).toBe("BodyTooLarge")
    expect(fabric.publishes.length).toBe(1)
  })

  it("harms only the sender of a message that the node refuses", async () => {
    const { clock, fabric, queue, stored } = await setup()
    // The node refuses frames that hold message 5: the client cannot know why.
    const publish = stored.publish.bind(stored)
    stored.publish = (request) =>
      Buffer.from(request.frame).includes(Buffer.of(0xc4, 2, 0, 5))
        ? skeinError("FrameInvalid", "message 5 is bad")
        : publish(request)
    const ends = Promise.all(Array.from({ length: 12 }, (_, i) => end(queue.publish(body(i)))))
    await clock.advance(1000)
    const failed = (await ends).flatMap((each, i) =>
      "error" in each ? [[i, each.error._tag]] : [],
    )
    expect(failed).toEqual([[5, "FrameInvalid"]])
    expect(stored.messages.map((each) => indexOf(each.body))).toEqual([
      0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11,
    ])
    expect(fabric.publishes.length).toBeLessThan(12)
    expect(await queue.publish(body(12))).toEqual({ sequence: 12, duplicate: false })
  })

  it("retries a retryable refusal until the timeout, then says why", async () => {
    const { clock, queue, stored } = await setup()
    stored.refusal = skeinError("QueueFull", "full")
    const patient = queue.publish(body(1))
    const hasty = errorOf(queue.publish(body(2), { timeoutMs: 500 }))
    await clock.advance(1000)
    expect((await hasty)._tag).toBe("QueueFull")
    stored.refusal = undefined
    await clock.advance(2000)
    expect(await patient).toEqual({ sequence: 1, duplicate: false })
    expect(stored.messages.length).toBe(1)
  })

  it.each([0, 400])("names why many frames are refused until the timeout (%i)", async (delayMs) => {
    const { clock, fabric, queue, stored } = await setup()
    fabric.delayMs = delayMs
    const many = Array.from({ length: 10_000 }, (_, i) => body(i))
    const publish = stored.publish.bind(stored)
    let taken = 0
    stored.publish = (request) =>
      taken++ === 0 ? publish(request) : skeinError("DiskFull", "no space is left")
    const error = errorOf(queue.publishMany(many, { timeoutMs: 700 }))
    await clock.advance(1000)
    const { _tag, detail, cause } = await error
    // Where its frames are under way again, what becomes of them is not known.
    expect(_tag).toBe(delayMs === 0 ? "DiskFull" : "TimedOut")
    expect(detail).toContain("no space is left")
    if (delayMs > 0) expect(isSkeinError(cause) && cause._tag).toBe("DiskFull")
    expect(stored.messages.length).toBe(4096)
  })

  it("sends the same frames again when a shard was closed over their commit", async () => {
    const { clock, fabric, queue, stored } = await setup()
    fabric.delayMs = 10
    const publish = stored.publish.bind(stored)
    const why = skeinError("ShardUnavailable", "closed", { outcome: "unknown" })
    let closed = true
    stored.publish = (request) => {
      const answer = publish(request)
      return closed ? why : answer
    }
    const first = end(queue.publish(body(1)))
    await settleAll()
    const second = end(queue.publish(body(2)))
    await clock.advance(15)
    closed = false
    await clock.advance(1000)
    const third = end(queue.publish(body(3)))
    await clock.advance(1000)
    const ends = [await first, await second, await third]
    expect(ends).toMatchObject([1, 2, 3].map((sequence) => ({ published: { sequence } })))
    expect(stored.messages.map((each) => indexOf(each.body))).toEqual([1, 2, 3])
  })

  it("withdraws what is not sent on timeout and abort", async () => {
    const { clock, fabric, queue, stored } = await setup()
    fabric.connectError = skeinError("ConnectionFailed", "away")
    fabric.disconnect()
    await settleAll()
    const abort = new AbortController()
    const aborted = errorOf(queue.publish(body(1), { signal: abort.signal }))
    const late = errorOf(queue.publish(body(2), { timeoutMs: 100 }))
    const kept = queue.publish(body(3))
    abort.abort()
    await clock.advance(200)
    expect((await aborted).data.outcome).toBe("not sent")
    expect(await late).toMatchObject({ _tag: "TimedOut", data: { outcome: "not sent" } })
    fabric.connectError = undefined
    await clock.advance(5000)
    await kept
    expect(stored.messages.map((each) => indexOf(each.body))).toEqual([3])
  })

  it("says that the outcome is unknown of what was sent", async () => {
    const { clock, fabric, queue } = await setup()
    fabric.delayMs = 1000
    const late = errorOf(queue.publish(body(1), { timeoutMs: 100 }))
    await clock.advance(200)
    expect(await late).toMatchObject({ _tag: "TimedOut", data: { outcome: "unknown" } })
  })

  it("gives up after two minutes with Unconfirmed, then goes on as a new producer", async () => {
    const { clock, fabric, queue } = await setup()
    fabric.fault = (op) => {
      if (op !== "publish") return "none"
      fabric.connectError = skeinError("ConnectionFailed", "away")
      return "dropBefore"
    }
    const unconfirmed = errorOf(queue.publish(body(1), { timeoutMs: 600_000 }))
    await clock.advance(limits.unconfirmedAfterMs + 1)
    expect((await unconfirmed)._tag).toBe("Unconfirmed")
    fabric.fault = () => "none"
    fabric.connectError = undefined
    await clock.advance(5000)
    expect(await queue.publish(body(2))).toEqual({ sequence: 1, duplicate: false })
  })

  it("goes on after it gave up while some of its frames were refused and others not answered", async () => {
    const { clock, fabric, queue, stored } = await setup()
    stored.refusal = skeinError("QueueFull", "full")
    fabric.delayMs = 10
    const refused = queue.publish(body(1), { timeoutMs: 600_000 })
    await settleAll()
    fabric.delayMs = limits.unconfirmedAfterMs * 2
    const silent = errorOf(queue.publish(body(2), { timeoutMs: 600_000 }))
    await clock.advance(100)
    stored.refusal = undefined
    fabric.delayMs = 0
    await clock.advance(limits.unconfirmedAfterMs)
    expect((await silent).data.outcome).toBe("unknown")
    expect((await refused).duplicate).toBe(false)
    await queue.publish(body(3))
    expect(stored.messages.map((each) => indexOf(each.body))).toEqual([1, 3])
  })

  it.each(["ShardCorrupt", "Quarantined", "QueueNotFound"] as const)(
    "says of what may be stored that it is open, also on %s",
    async (tag) => {
      const { clock, fabric, queue } = await setup()
      const answers: Fault[] = [
        { happenedBut: skeinError("ShardUnavailable", "closed", { outcome: "unknown" }) },
        skeinError(tag, "no more"),
      ]
      fabric.fault = (op) => (op === "publish" ? (answers.shift() ?? "none") : "none")
      const open = errorOf(queue.publish(body(1)))
      await clock.advance(2000)
      const { _tag, data, cause } = await open
      expect([_tag, data.outcome]).toEqual(["Unconfirmed", "unknown"])
      expect(isSkeinError(cause) && cause._tag).toBe(tag)
    },
  )

  it("says on closing of what may be stored that it is open, and nothing else", async () => {
    const { client, clock, fabric, queue } = await setup()
    fabric.delayMs = 1000
    const all = Array.from({ length: 5 }, (_, i) => i)
    const ends: Promise<SkeinError>[] = []
    for (const i of all) {
      ends.push(errorOf(queue.publish(body(i))))
      await settleAll()
    }
    const closing = errorOf(client.close({ timeoutMs: 100 }))
    await clock.advance(100)
    await closing
    const errors = await Promise.all(ends)
    expect(errors.map(({ _tag }) => _tag)).toEqual(all.map(() => "FabricClosed"))
    // Four partial frames were on their way, the fifth waited for room.
    expect(errors.map(({ data }) => data.outcome)).toEqual([
      ...all.slice(1).map(() => "unknown"),
      undefined,
    ])
    await clock.advance(60_000)
  })

  it("goes on under a new producer id when the node has forgotten the old one", async () => {
    const { clock, queue, stored } = await setup()
    await queue.publish(body(1))
    stored.forgetProducers()
    const next = queue.publish(body(2))
    await clock.advance(1000)
    expect(await next).toEqual({ sequence: 2, duplicate: false })
  })

  it("fails all when the queue is deleted, and finds it when declared anew", async () => {
    const { client, queue, fabric } = await setup()
    await queue.publish(body(1))
    await client.delete(bytes)
    const [a, b] = await Promise.all([
      errorOf(queue.publish(body(2))),
      errorOf(queue.publishMany([body(3)])),
    ])
    expect([a._tag, b._tag]).toEqual(["QueueNotFound", "QueueNotFound"])
    await client.declare(bytes)
    expect(await queue.publish(body(4))).toEqual({ sequence: 1, duplicate: false })
    expect(fabric.queue("q").messages.length).toBe(1)
  })

  it("keeps the order of calls made before the queue's address is known", async () => {
    const { clock, client, fabric } = await setup({ bodyBytesMax: 100 })
    const later = client.queue(Queue.bytes("q"))
    fabric.delayMs = 5
    const abort = new AbortController()
    const ends = [
      end(later.publish(body(0))),
      end(later.publishMany([body(1), body(2)]).then(([first]) => first)),
      end(later.publish(new Uint8Array(200))),
      end(later.publish(body(9), { signal: abort.signal })),
      end(later.publish(body(9), { timeoutMs: 1 })),
    ]
    abort.abort()
    const last = later.info().then(() => later.publish(body(3)))
    await clock.advance(100)
    await last
    const tags = (await Promise.all(ends)).map((how) => ("error" in how ? how.error._tag : "ok"))
    expect(tags).toEqual(["ok", "ok", "BodyTooLarge", "Aborted", "TimedOut"])
    const stored = fabric.queue("q").messages.map((each) => indexOf(each.body))
    expect(stored).toEqual([0, 1, 2, 3])
    const missing = client.queue(Queue.bytes("missing")).publish(body(0))
    const failed = errorOf(missing)
    await clock.advance(10)
    expect((await failed)._tag).toBe("QueueNotFound")
  })

  it("bounds its buffer: room() waits, beyond the hard bound it refuses", async () => {
    const { clock, fabric, queue } = await setup()
    fabric.connectError = skeinError("ConnectionFailed", "away")
    fabric.disconnect()
    await settleAll()
    const max = clientLimits.publishBufferMessagesMax
    const some = Array.from({ length: max }, () => body(1))
    const abort = new AbortController()
    const many = errorOf(queue.publishMany(some, { signal: abort.signal }))
    let hasRoom = false
    const room = queue.room().then(() => {
      hasRoom = true
    })
    expect((await errorOf(queue.publish(body(2))))._tag).toBe("Overloaded")
    expect(hasRoom).toBe(false)
    abort.abort()
    expect((await many)._tag).toBe("Aborted")
    await room
    fabric.connectError = undefined
    const next = queue.publish(body(3))
    await clock.advance(5000)
    expect(await next).toEqual({ sequence: 1, duplicate: false })
  })

  it("rejects what is left with FabricClosed when the client closes", async () => {
    const { clock, client, fabric, queue } = await setup()
    fabric.connectError = skeinError("ConnectionFailed", "away")
    fabric.disconnect()
    await settleAll()
    const left = errorOf(queue.publish(body(1)))
    await client.close()
    expect((await left)._tag).toBe("FabricClosed")
    expect((await errorOf(queue.publish(body(2))))._tag).toBe("FabricClosed")
    await clock.advance(60_000)
    expect(clock.timers).toBe(0)
  })
})

type Step =
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "disconnect" | "forget" | "restart" | "tick" }
  | { readonly do: "many"; readonly count: number }
  | { readonly do: "publish"; readonly timeoutMs: number; readonly abortAfterMs: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      timeoutMs: fc.constantFrom(30_000, 30_000, 200, 20),
      abortAfterMs: fc.constantFrom(0, 0, 0, 1, 50),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("many" as const),
      count: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { weight: 5, arbitrary: fc.constant({ do: "tick" as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("advance" as const),
      ms: fc.integer({ min: 1, max: 90 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom({ do: "disconnect" as const }, { do: "restart" as const }),
  },
)

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Fault>("none") },
  { weight: 4, arbitrary: fc.constantFrom<Fault>("dropBefore", "dropAfter", "late") },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Fault>(
      skeinError("QueueFull", "full"),
      skeinError("ShardUnavailable", "opening"),
      skeinError("Moved", "elsewhere"),
    ),
  },
  {
    weight: 4,
    arbitrary: fc
      .record({
        happened: fc.boolean(),
        error: fc.constantFrom(
          skeinError("ShardUnavailable", "closed", { outcome: "unknown" }),
          skeinError("Moved", "closed over it", { outcome: "unknown" }),
          skeinError("TimedOut", "no answer"),
          skeinError("ConnectionFailed", "to the owner"),
        ),
      })
      .map(({ happened, error }): Fault => (happened ? { happenedBut: error } : error)),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ happened: fc.boolean(), tag: fc.constantFrom("InternalError", "ShardCorrupt") })
      .map(({ happened, tag }): Fault => {
        if (tag === "ShardCorrupt") return skeinError("ShardCorrupt", "damage")
        const fault = skeinError("InternalError", "a fault")
        return happened ? { happenedBut: fault } : fault
      }),
  },
)

describe("Publisher under faults", () => {
  it("loses, doubles and reorders nothing that it confirms; every promise settles", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 60 }),
        fc.array(fault, { maxLength: 40 }),
        fc.constantFrom(0, 1, 15),
        (steps, faults, delayMs) => runFaults(steps, faults, delayMs),
      ),
      { numRuns: 400 },
    )
  })
})

interface Sent {
  readonly index: number
  end: End | undefined
}

const runFaults = async (
  steps: readonly Step[],
  faults: readonly Fault[],
  delayMs: number,
): Promise<void> => {
  const { clock, client, fabric, queue, stored } = await setup()
  fabric.delayMs = delayMs
  const left = [...faults]
  fabric.fault = (op) => (op === "publish" ? (left.shift() ?? "none") : "none")
  const sent: Sent[] = []
  const record = (promise: Promise<Published>): void => {
    const one: Sent = { index: sent.length, end: undefined }
    sent.push(one)
    end(promise).then((how) => {
      one.end = how
    })
  }
  const act = async (one: Step): Promise<void> => {
    if (one.do === "advance") await clock.advance(one.ms)
    else if (one.do === "tick") await settleAll()
    else if (one.do === "disconnect") fabric.disconnect()
    else if (one.do === "restart") fabric.restart()
    else if (one.do === "many") {
      const many = queue.publishMany(
        Array.from({ length: one.count }, (_, i) => body(sent.length + i)),
      )
      for (let i = 0; i < one.count; i++) record(many.then((results) => results[i]))
    } else if (one.do === "publish") {
      const abort = new AbortController()
      if (one.abortAfterMs > 0) clock.setTimer(one.abortAfterMs, () => abort.abort())
      const options = { timeoutMs: one.timeoutMs, signal: abort.signal }
      record(queue.publish(body(sent.length), options))
    }
  }
  for (const one of steps) await act(one)
  left.length = 0
  const settledAll = (): boolean => sent.every((one) => one.end !== undefined)
  expect(await clock.advanceUntil(settledAll, 180_000, 500)).toBe(true)
  // What is in flight without a caller may still arrive: let it, then judge.
  const last = queue.publish(body(sent.length))
  await clock.advance(40_000)
  await last
  judge(
    sent,
    stored.messages.map((each) => indexOf(each.body)),
  )
  await client.close()
  expect(queue.room()).toBeInstanceOf(Promise)
}

const judge = (sent: readonly Sent[], stored: readonly number[]): void => {
  expect(new Set(stored).size, "nothing is stored twice").toBe(stored.length)
  expect(
    [...stored].sort((a, b) => a - b),
    "order of publishing",
  ).toEqual(stored)
  for (const { index, end: how } of sent) {
    if (how === undefined) continue
    if ("published" in how) expect(stored[(how.published.sequence ?? 0) - 1]).toBe(index)
    // Whatever is not said to be open is said to be not stored.
    else if (how.error.data.outcome !== "unknown") expect(stored).not.toContain(index)
  }
}
