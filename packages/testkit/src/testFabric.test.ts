import { Queue } from "@skein/client"
import { describe, expect, it } from "vitest"
import { TestClock } from "./TestClock.js"
import { testFabric } from "./testFabric.js"

describe("testFabric", () => {
  it("takes a message from a publisher to a consumer", async () => {
    const fabric = await testFabric()
    const client = await fabric.client()
    await client.declare("orders")
    const orders = client.queue("orders")
    await orders.publish({ id: 1 })
    const consumer = await orders.consume()
    const batch = await consumer.take()
    expect(batch?.messages.map((message) => message.value)).toEqual([{ id: 1 }])
    await batch?.ack()
    expect((await client.show("orders")).counts).toMatchObject({ total: 0, acked: 1 })
    await client.close()
    await fabric.close()
    expect(fabric.faults).toEqual([])
    expect(fabric.clock.timers).toBe(0)
  })

  it("lets a lease run out when its time has come, not before", async () => {
    const fabric = await testFabric()
    const { admin, broker, clock } = fabric
    const queue = await admin.declare("orders", { leaseMs: 60_000 })
    const session = "5".repeat(32)
    await broker.openSession(session, 3_600_000)
    const client = await fabric.client()
    await client.queue("orders").publish("a")
    const request = { queue, session, messagesMax: 10, bytesMax: 1_000, waitMs: 0, settles: [] }
    await broker.fetch({ ...request, fetchNumber: 1 }).delivered
    await clock.advance(59_000)
    expect((await admin.show("orders")).counts).toMatchObject({ leased: 1, failed: 0 })
    await clock.advance(1_100)
    expect((await admin.show("orders")).counts).toMatchObject({ ready: 1, failed: 1 })
    await fabric.close()
  })

  it("keeps a message as it was published, whatever a consumer does to its bytes", async () => {
    const fabric = await testFabric()
    const client = await fabric.client()
    await client.declare("raw")
    const raw = client.queue(Queue.bytes("raw"))
    await raw.publish(Uint8Array.of(1, 2, 3))
    const [peeked] = await client.peek({ name: "raw" })
    peeked.body.fill(9)
    const consumer = await raw.consume()
    const first = await consumer.take()
    first?.messages[0].value.fill(9)
    await first?.return()
    const again = await consumer.take()
    expect([...(again?.messages[0].value ?? [])]).toEqual([1, 2, 3])
    await client.close()
    await fabric.close()
  })

  it("ends its clients when it is closed", async () => {
    const fabric = await testFabric()
    const client = await fabric.client()
    await fabric.close()
    await expect(client.declare("q")).rejects.toMatchObject({ _tag: "FabricClosed" })
  })
})

describe("TestClock", () => {
  it("runs timers in order, with all that each sets off before the next", async () => {
    const clock = new TestClock()
    const log: string[] = []
    clock.setTimer(20, () => log.push("late"))
    clock.setTimer(10, () => {
      log.push("first")
      clock.defer(() => {
        log.push("deferred")
        clock.setTimer(5, () => log.push(`at ${clock.monotonicMs()}`))
      })
    })
    const cancel = clock.setTimer(12, () => log.push("cancelled"))
    cancel()
    await clock.advance(19)
    expect(log).toEqual(["first", "deferred", "at 15"])
    await clock.advance(1)
    expect(log.at(-1)).toBe("late")
    expect(clock.wallMs()).toBe(1_700_000_000_020)
  })
})
