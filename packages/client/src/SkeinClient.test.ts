import { Schema } from "effect"
import { describe, expect, it } from "vitest"
import { makeClient, Queue } from "./index.js"
import { FakeFabric } from "./testing/FakeFabric.js"
import { TestClock, testRuntime } from "./testing/TestClock.js"

const setup = async () => {
  const clock = new TestClock()
  const fabric = new FakeFabric(clock)
  const client = await makeClient(fabric.open, { runtime: testRuntime(clock) })
  return { clock, fabric, client }
}

const Order = Schema.Struct({ id: Schema.Int, customer: Schema.NonEmptyString })
const orders = Queue.define("orders", Order)

describe("SkeinClient", () => {
  it("publishes, delivers in order, and acks", async () => {
    const { client, fabric } = await setup()
    await client.declare(orders)
    const queue = client.queue(orders)
    const one = await queue.publish({ id: 1, customer: "Ada" })
    expect(one).toEqual({ sequence: 1, duplicate: false })
    const many = await queue.publishMany([
      { id: 2, customer: "Bea" },
      { id: 3, customer: "Cleo" },
    ])
    expect(many.map((each) => each.sequence)).toEqual([2, 3])
    const consumer = await queue.consume()
    const seen: number[] = []
    for await (const message of consumer) {
      seen.push(message.value.id)
      await message.ack()
      if (seen.length === 3) break
    }
    expect(seen).toEqual([1, 2, 3])
    expect(fabric.queue("orders").acked).toEqual([1, 2, 3])
    await client.close()
  })

  it("acks a batch whole", async () => {
    const { client, fabric } = await setup()
    const bytes = Queue.bytes("raw")
    await client.declare(bytes)
    const queue = client.queue(bytes)
    await queue.publishMany(Array.from({ length: 100 }, (_, i) => Uint8Array.of(i)))
    const consumer = await queue.consume()
    const batch = await consumer.take()
    expect(batch?.size).toBe(100)
    expect(batch?.messages[7].value).toEqual(Uint8Array.of(7))
    expect(await batch?.ack()).toEqual({ lost: [] })
    expect(fabric.queue("raw").acked.length).toBe(100)
    await client.close()
  })
})
