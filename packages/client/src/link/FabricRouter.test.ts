import { skeinError } from "@skein/model"
import { describe, expect, it } from "vitest"
import { makeClient, Queue } from "../index.js"
import { FakeCluster } from "../testing/FakeCluster.js"
import { FakeFabric } from "../testing/FakeFabric.js"
import { settleAll, TestClock, testRuntime } from "../testing/TestClock.js"
import { type OpenFabric, rootOf } from "./FabricConnection.js"
import { FabricRouter } from "./FabricRouter.js"

const setup = async (nodes = 3, shards = 1) => {
  const clock = new TestClock()
  const cluster = new FakeCluster(clock, nodes, shards)
  // Asked each time: a test may put another in its place.
  const open: OpenFabric = (signal, address) => cluster.open(signal, address)
  const client = await makeClient(open, { runtime: testRuntime(clock) })
  await client.declare(Queue.bytes("q"))
  const queue = client.queue(Queue.bytes("q"))
  await queue.publish(Uint8Array.of(0))
  return { clock, cluster, client, queue }
}

/** From now on what spins meets an end, or its test would have none. Answers what was opened. */
const countOpened = (cluster: FakeCluster): (() => number) => {
  const { open, asked } = cluster
  const before = asked.length
  cluster.open = async (signal, address) => {
    if (asked.length > before + 100) throw skeinError("ConnectionFailed", "it spins")
    return open(signal, address)
  }
  return () => asked.length - before
}

/** Each node pushes a map of its own: which nodes there are, and who of them has the shard. */
const tellEach = (
  cluster: FakeCluster,
  maps: readonly { version: number; nodes: readonly number[]; owner: number }[],
): void => {
  maps.forEach(({ version, nodes, owner }, at) => {
    const named = nodes.map((each) => {
      const { name, address, starts } = cluster.nodes[each]
      return { node: name, instance: `${name}.${starts}`, address }
    })
    cluster.nodes[at].knows = { version, nodes: named, owners: [nodes.indexOf(owner)] }
  })
  for (const { fabric, knows } of cluster.nodes) fabric.push(knows)
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

  it("does not open and close links for ever when each node names only the other", async () => {
    const { clock, cluster, client } = await setup(2)
    const opened = countOpened(cluster)
    tellEach(cluster, [
      { version: 9, nodes: [1], owner: 1 },
      { version: 9, nodes: [0], owner: 0 },
    ])
    await settleAll()
    expect(opened(), "at once the first time").toBeGreaterThan(0)
    await clock.advance(500)
    expect(opened()).toBeLessThan(20)
    await clock.advance(5_000)
    expect(opened()).toBeLessThan(40)
    cluster.tellAll()
    await clock.advance(2_000)
    await client.close()
    expect(clock.timers).toBe(0)
  })

  it("keeps a link that is needed again within its second, and leaves no timer behind", async () => {
    const { clock, cluster, client } = await setup(2)
    const opened = countOpened(cluster)
    const aimAt = async (version: number, nodes: readonly number[], owner: number) => {
      tellEach(cluster, [
        { version, nodes, owner },
        { version, nodes, owner },
      ])
      await settleAll()
    }
    await aimAt(8, [0, 1], 1)
    await aimAt(9, [0], 0)
    await clock.advance(600)
    await aimAt(10, [0, 1], 1)
    await aimAt(11, [0], 0)
    // The first second is over, the one that counts is not.
    await clock.advance(600)
    await aimAt(12, [0, 1], 1)
    expect(opened(), "it was open all the time").toBe(0)
    await aimAt(13, [0], 0)
    await client.close()
    expect(clock.timers).toBe(0)
  })

  it("does not open and close a link for ever whose own node says nobody needs it", async () => {
    const { clock, cluster, client, queue } = await setup(2)
    const opened = countOpened(cluster)
    tellEach(cluster, [
      { version: 8, nodes: [0, 1], owner: 1 },
      { version: 9, nodes: [0], owner: 0 },
    ])
    // A user of the shard: only where somebody goes is a link opened.
    const consumer = await queue.consume()
    await clock.advance(500)
    expect(opened()).toBeLessThan(20)
    cluster.tellAll()
    await clock.advance(2_000)
    expect((await consumer.take())?.messages.length).toBe(1)
    const closing = client.close()
    await clock.advance(2_000)
    await closing
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
