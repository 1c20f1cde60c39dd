import { describe, expect, it } from "vitest"
import { makeClient, Queue } from "../index.js"
import { FakeFabric } from "../testing/FakeFabric.js"
import { settleAll, TestClock, testRuntime } from "../testing/TestClock.js"

describe("Consumer that is closed before its session is open", () => {
  it("leases nothing afterwards", async () => {
    const clock = new TestClock()
    const fabric = new FakeFabric(clock)
    const client = await makeClient(fabric.open, { runtime: testRuntime(clock) })
    const bytes = Queue.bytes("q")
    await client.declare(bytes, {})
    const queue = client.queue(bytes)
    await queue.publish(Uint8Array.of(1))
    fabric.delayMs = 10
    const consumer = queue.consume()
    const ready = await Promise.race([Promise.resolve(consumer), settleAll().then(() => undefined)])
    const closing = (ready ?? (await consumer)).close()
    await clock.advance(500)
    await closing
    await clock.advance(500)
    expect(fabric.queue("q").messages.map((one) => one.state)).toEqual(["ready"])
    fabric.delayMs = 0
    await client.close()
  })
})
