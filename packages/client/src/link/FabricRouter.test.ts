import { skeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { makeClient, Queue } from "../index.js"
import { FakeCluster } from "../testing/FakeCluster.js"
import { FakeFabric } from "../testing/FakeFabric.js"
import { settleAll, TestClock, testRuntime } from "../testing/TestClock.js"
import { rootOf } from "./FabricConnection.js"
import { FabricRouter } from "./FabricRouter.js"

const setup = async (nodes = 3, shards = 1) => {
  const clock = new TestClock()
  const cluster = new FakeCluster(clock, nodes, shards)
  const client = await makeClient(cluster.open, { runtime: testRuntime(clock) })
  await client.declare(Queue.bytes("q"))
  const queue = client.queue(Queue.bytes("q"))
  await queue.publish(Uint8Array.of(0))
  return { clock, cluster, client, queue }
}

describe("FabricRouter", () => {
  it("is one connection and no view of it where no map comes", async () => {
    const clock = new TestClock()
    const fabric = new FakeFabric(clock)
    const router = new FabricRouter(testRuntime(clock), fabric.open)
    const shard = router.shard(7)
    shard.attach({ linkUp: () => {}, linkDown: () => {}, linkClosed: () => {} })
    await settleAll()
    expect(shard.fabric).toBe(router.control.fabric)
    expect(shard.fabric && rootOf(shard.fabric)).toBe(router.control.fabric)
    await router.close()
    expect([fabric.connections, clock.timers]).toEqual([1, 0])
  })

  it("follows a node that names the owner at once, before any map says so", async () => {
    const { clock, cluster, queue, client } = await setup()
    const startMs = clock.monotonicMs()
    cluster.move(0, 1)
    expect((await queue.publish(Uint8Array.of(1))).sequence).toBe(2)
    expect(clock.monotonicMs()).toBe(startMs)
    await client.close()
  })

  it("is there at once when any node tells who serves a killed node's shard", async () => {
    const { clock, cluster, queue, client } = await setup()
    cluster.kill(0)
    cluster.tellAll()
    const sent = queue.publish(Uint8Array.of(1))
    await clock.advance(900)
    cluster.takeOver(1)
    cluster.tell(2)
    await clock.advance(0)
    expect((await sent).sequence).toBe(2)
    await client.close()
  })

  it("hears from another node that the only one it used is stopped", async () => {
    const { clock, cluster, queue, client } = await setup()
    expect(cluster.owners[0]).toBe(0)
    cluster.stop(0)
    const sent = queue.publish(Uint8Array.of(1))
    await clock.advance(600)
    cluster.takeOver(2)
    cluster.tellAll()
    await clock.advance(100)
    expect((await sent).sequence).toBe(2)
    const status = client.status()
    await clock.advance(100)
    expect((await status).node).toBe("fake")
    await client.close()
  })

  it("connects to nobody whom neither a map nor the program has named", async () => {
    const { clock, cluster, queue, client } = await setup()
    let lies = 3
    for (const { fabric } of cluster.nodes) {
      fabric.fault = (op) =>
        op === "publish" && lies-- > 0
          ? skeinError("Moved", "elsewhere", { node: "evil", address: "evil:1" })
          : "none"
    }
    const sent = queue.publish(Uint8Array.of(1))
    await clock.advance(1000)
    expect((await sent).sequence).toBe(2)
    expect(cluster.asked.filter((address) => address !== undefined)).not.toContain("evil:1")
    await client.close()
  })

  it("does not spin between nodes that name each other", async () => {
    const { clock, cluster, queue, client } = await setup()
    let asked = 0
    cluster.nodes.forEach(({ fabric }, at) => {
      fabric.fault = (op) => {
        if (op !== "publish") return "none"
        asked++
        const other = `n${(at + 1) % 2}`
        return skeinError("Moved", "elsewhere", { node: other, address: `${other}:1` })
      }
    })
    const sent = queue.publish(Uint8Array.of(1))
    await clock.advance(1000)
    expect(asked).toBeGreaterThan(5)
    expect(asked).toBeLessThan(40)
    for (const { fabric } of cluster.nodes) fabric.fault = () => "none"
    await clock.advance(200)
    expect((await sent).sequence).toBe(2)
    await client.close()
  })

  it("keeps what waits here over a planned move, and drops it after a crash", async () => {
    const { clock, cluster, queue, client } = await setup()
    const consumer = await queue.consume()
    await clock.advance(10)
    expect(consumer.buffered).toBe(1)
    cluster.move(0, 1)
    cluster.tellAll()
    await clock.advance(1000)
    expect(consumer.buffered).toBe(1)
    cluster.kill(1)
    cluster.takeOver(2)
    cluster.tellAll()
    await clock.advance(1000)
    const batch = await consumer.take()
    expect(batch?.messages.map((one) => [one.sequence, one.redelivered])).toEqual([[1, true]])
    expect(await batch?.ack()).toEqual({ lost: [] })
    const closing = client.close()
    await clock.advance(1000)
    await closing
  })

  it("asks any other node when the one it controlled the fabric by is dead", async () => {
    const { clock, cluster, client } = await setup()
    cluster.kill(0)
    const listed = client.list()
    await clock.advance(100)
    expect((await listed).queues.length).toBe(1)
    await client.close()
  })
})
