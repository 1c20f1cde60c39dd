import { isSkeinError, type SkeinError, skeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { clientLimits } from "../clientLimits.js"
import { type Message, makeClient, Queue, type WorkerOptions } from "../index.js"
import { FakeFabric } from "../testing/FakeFabric.js"
import { settleAll, TestClock, testRuntime } from "../testing/TestClock.js"

const bytes = Queue.bytes("q")

const setup = async (count: number, policy = {}) => {
  const clock = new TestClock()
  const fabric = new FakeFabric(clock)
  const client = await makeClient(fabric.open, { runtime: testRuntime(clock) })
  await client.declare(bytes, policy)
  const queue = client.queue(bytes)
  await queue.info()
  if (count > 0) await queue.publishMany(Array.from({ length: count }, (_, i) => Uint8Array.of(i)))
  return { clock, fabric, client, queue, stored: fabric.queue("q") }
}

/** A handler whose runs the test ends by hand. */
const manual = () => {
  const runs: {
    readonly message: Message<Uint8Array>
    readonly signal: AbortSignal
    readonly resolve: () => void
    readonly reject: (error: unknown) => void
  }[] = []
  const handler = (message: Message<Uint8Array>, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      runs.push({ message, signal, resolve, reject })
    })
  return { runs, handler }
}

const states = (stored: { readonly messages: readonly { readonly state: string }[] }) =>
  stored.messages.map((each) => each.state)

describe("Worker", () => {
  it("acks what its handler has done, in order, within its concurrency", async () => {
    const { queue, stored, clock } = await setup(200)
    const seen: number[] = []
    let most = 0
    const worker = await queue.worker(
      async (message) => {
        most = Math.max(most, worker.running)
        await Promise.resolve()
        seen.push(message.value[0])
      },
      { concurrency: 7 },
    )
    await clock.advance(100)
    expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i))
    expect(stored.acked.length).toBe(200)
    expect(most).toBeLessThanOrEqual(7)
    await worker.stop()
    await worker.done
  })

  it("renews leases while the handler runs, however long", async () => {
    const { clock, fabric, queue, stored } = await setup(1, { leaseMs: 1000 })
    const { runs, handler } = manual()
    const worker = await queue.worker(handler)
    for (let i = 0; i < 50; i++) {
      await clock.advance(200)
      fabric.expireLeases()
    }
    expect(stored.messages[0].failed).toBe(0)
    runs[0].resolve()
    await settleAll()
    expect(stored.acked).toEqual([1])
    await worker.stop()
  })

  it("keeps the lease for the backoff, then fails the message; the backoff doubles", async () => {
    const { clock, fabric, queue, stored } = await setup(1, { leaseMs: 1000 })
    const errors: unknown[] = []
    const worker = await queue.worker(() => Promise.reject(new Error("no")), {
      backoff: { minMs: 4000, maxMs: 60_000 },
      onFailure: (error) => {
        errors.push(error)
        return undefined
      },
    })
    const failures: number[] = []
    for (let i = 0; i < 240; i++) {
      await clock.advance(100)
      fabric.expireLeases()
      if (stored.messages[0].failed > failures.length) failures.push((i + 1) * 100)
    }
    const [first, second] = failures
    expect(first).toBeGreaterThanOrEqual(2000)
    expect(first).toBeLessThanOrEqual(4200)
    expect(second - first).toBeGreaterThanOrEqual(4000)
    expect(errors.length).toBe(failures.length + 1)
    await worker.stop()
  })

  it("does with a failure what onFailure says", async () => {
    const { clock, queue, stored } = await setup(3)
    const answers = ["reject", "return", "fail"] as const
    let at = 0
    const worker = await queue.worker(
      (message) => {
        if (!message.redelivered) throw new Error("no")
        return new Promise<void>(() => {})
      },
      { onFailure: () => answers[at++], backoff: { minMs: 10, maxMs: 10 }, graceMs: 0 },
    )
    await clock.advance(1000)
    expect(stored.messages.map((each) => [each.state, each.failed, each.returned])).toEqual([
      ["gone", 0, 0],
      ["leased", 0, 1],
      ["leased", 1, 0],
    ])
    const stop = worker.stop()
    await clock.advance(1)
    await stop
  })

  it("stops when onFailure escalates: nothing is counted as failed, `done` says why", async () => {
    const { clock, queue, stored } = await setup(5)
    const { runs, handler } = manual()
    const away = new Error("the bank is away")
    const worker = await queue.worker(handler, { concurrency: 2, onFailure: () => "escalate" })
    const ended = worker.done.catch((error: unknown) => error)
    await settleAll()
    runs[1].reject(away)
    await settleAll()
    runs[0].resolve()
    await clock.advance(1000)
    expect(await ended).toBe(away)
    expect(runs.length).toBe(2)
    expect(stored.acked).toEqual([1])
    expect(stored.messages.slice(1).map(({ state, failed }) => [state, failed])).toEqual(
      Array.from({ length: 4 }, () => ["ready", 0]),
    )
  })

  it("never drops a body that does not decode, unless told to", async () => {
    for (const undecodable of ["fail", "reject"] as const) {
      const { clock, client, queue, stored } = await setup(0)
      await client.queue("q").publish("text")
      const errors: unknown[] = []
      const options: WorkerOptions<Uint8Array> = {
        undecodable,
        backoff: { minMs: 10, maxMs: 10 },
        onFailure: (error) => {
          errors.push(error)
          return "return"
        },
      }
      const worker = await queue.worker((message) => {
        message.value.at(0)
      }, options)
      await clock.advance(15)
      expect(isSkeinError(errors[0]) && errors[0]._tag).toBe("BodyUndecodable")
      expect(stored.messages[0].ended?.outcome).toBe(undecodable)
      await worker.stop()
    }
  })

  it("aborts the handler of a message whose lease was lost, and does not settle it", async () => {
    const { clock, fabric, queue, stored } = await setup(1, { leaseMs: 3000 })
    const { runs, handler } = manual()
    const worker = await queue.worker(handler, { graceMs: 0 })
    await settleAll()
    // As if the node had stood still: the lease is over before it is renewed.
    stored.messages[0].state = "ready"
    stored.messages[0].session = ""
    stored.messages[0].failed++
    stored.messages[0].redelivered = true
    await clock.advance(1100)
    expect(runs[0].signal.aborted).toBe(true)
    expect((runs[0].signal.reason as SkeinError)._tag).toBe("LeaseLost")
    runs[0].resolve()
    await settleAll()
    expect(stored.acked).toEqual([])
    fabric.expireLeases()
    await clock.advance(clientLimits.fetchWaitMs)
    runs[1].resolve()
    await settleAll()
    expect(stored.acked).toEqual([1])
    await worker.stop()
  })

  it("stops: starts nothing, lets the running finish, returns the rest", async () => {
    const { clock, queue, stored } = await setup(10)
    const { runs, handler } = manual()
    const worker = await queue.worker(handler, { concurrency: 2, graceMs: 5000 })
    await settleAll()
    let stopped = false
    const stop = worker.stop().then(() => {
      stopped = true
    })
    await clock.advance(1000)
    expect([stopped, runs.length]).toEqual([false, 2])
    expect(states(stored).slice(2)).toEqual(Array.from({ length: 8 }, () => "ready"))
    runs[0].resolve()
    runs[1].resolve()
    await stop
    await worker.done
    expect(stored.acked).toEqual([1, 2])
    expect(stored.messages.every((each) => each.failed === 0)).toBe(true)
  })

  it("aborts what runs beyond the grace time and returns it", async () => {
    const { clock, queue, stored } = await setup(1)
    const { runs, handler } = manual()
    const worker = await queue.worker(handler, { graceMs: 1000 })
    await settleAll()
    const stop = worker.stop()
    await clock.advance(1100)
    await stop
    expect(runs[0].signal.aborted).toBe(true)
    expect(stored.messages[0]).toMatchObject({ state: "ready", returned: 1, failed: 0 })
  })

  it("works on over disconnects and a restart of the node, losing nothing", async () => {
    const { clock, fabric, queue, stored } = await setup(100)
    const seen = new Set<number>()
    const worker = await queue.worker(
      async (message) => {
        seen.add(message.value[0])
        await Promise.resolve()
      },
      { concurrency: 3 },
    )
    for (let i = 0; i < 6; i++) {
      if (i % 2 === 0) fabric.disconnect()
      else fabric.restart()
      await clock.advance(1000)
    }
    await clock.advance(20_000)
    expect(seen.size).toBe(100)
    expect(states(stored).every((state) => state === "gone")).toBe(true)
    await worker.stop()
  })

  it("ends with the reason when the queue is gone", async () => {
    const { clock, client, queue } = await setup(0)
    const worker = await queue.worker(() => {})
    const ended = worker.done.then(
      () => undefined,
      (error: SkeinError) => error._tag,
    )
    await client.delete(bytes)
    await clock.advance(30_000)
    expect(await ended).toBe("QueueNotFound")
  })

  it("stops with its client, and refuses settings out of bounds by name", async () => {
    const { client, queue } = await setup(5)
    const worker = await queue.worker(() => {})
    for (const options of [
      { concurrency: 0 },
      { leaseMs: 1 },
      { backoff: { minMs: 2, maxMs: 1 } },
    ]) {
      const error = await queue.worker(() => {}, options).catch((e: SkeinError) => e)
      expect(error).toMatchObject({ _tag: "ConfigInvalid" })
      expect((error as SkeinError).detail).toContain(Object.keys(options)[0])
    }
    const none = await queue.worker(undefined as never).catch((e: SkeinError) => e)
    expect(none).toMatchObject({ _tag: "ConfigInvalid" })
    await client.close()
    await worker.done
  })

  it("an onFailure that throws fails the message", async () => {
    const { clock, queue, stored } = await setup(1)
    const worker = await queue.worker(
      () => {
        throw skeinError("InternalError", "handler")
      },
      {
        backoff: { minMs: 10, maxMs: 10 },
        onFailure: () => {
          throw new Error("policy")
        },
      },
    )
    await clock.advance(15)
    expect(stored.messages[0].ended?.outcome).toBe("fail")
    await worker.stop()
  })
})
