import { connectFabric } from "@skein/client/connection"
import type { Peers } from "@skein/cluster"
import { defaultQueuePolicy, isSkeinError } from "@skein/model"
import { packValue } from "@skein/wire"
import { afterEach, describe, expect, it } from "vitest"
import { type NodeOptions, secret, TestFabric, type TestNode } from "./testing/TestFabric.js"

const fabrics: TestFabric[] = []
afterEach(async () => {
  for (const fabric of fabrics.splice(0)) await fabric.stop()
})

/** n1 has the catalog and the even shards, n2 the others. */
const twoNodes = async (options: NodeOptions = {}) => {
  const fabric = new TestFabric(8)
  fabrics.push(fabric)
  const n1 = await fabric.add("n1", { shards: [0, 2, 4, 6] })
  const n2 = await fabric.add("n2", { shards: [1, 3, 5, 7], ...options })
  return { fabric, n1, n2 }
}

const purgeAt = (node: TestNode) =>
  new Promise<void>((resolve) => {
    node.onPurge = resolve
  })

const errorOf = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (!isSkeinError(error)) throw new Error(`no SkeinError: ${error}`)
  return error
}

describe("calls between nodes", () => {
  it("reach the queue on the other node, and the catalog", async () => {
    const { n1, n2 } = await twoNodes()
    expect(await n1.admin.purge("queue1")).toBe(3)
    expect(n2.calls).toEqual(["purge queue1"])
    expect(await n2.admin.purge("queue2")).toBe(3)
    expect(n1.calls).toEqual(["purge queue2"])
    expect((await n2.admin.declare("queue5", { leaseMs: 5_000 })).shard).toBe(5)
    const [message] = await n1.admin.peek({ name: "queue1" })
    expect(new Uint8Array(message.body)).toEqual(Uint8Array.of(0xa1, 0x61))
    // Connections of nodes, and none of clients.
    expect(n1.port.counters()).toMatchObject({ connections: 1, peers: 1 })
  })

  it("errors keep their tags and data", async () => {
    const { n1, n2 } = await twoNodes()
    expect(await errorOf(n2.admin.purge("other"))).toMatchObject({
      _tag: "QueueNotFound",
      detail: "no queue other",
    })
    expect(await errorOf(n1.admin.show("queue1"))).toMatchObject({
      _tag: "QueueFull",
      data: { limit: "messagesMax", max: 7 },
    })
  })

  it("of the catalog and the erasers", async () => {
    const { n1, n2 } = await twoNodes()
    const { catalog } = n2
    expect(await catalog.declare("queue5", defaultQueuePolicy)).toMatchObject({ generation: 105 })
    expect(await catalog.delete("queue3")).toEqual({ shard: 3, generation: 103 })
    expect(await catalog.delete("queue4")).toBeUndefined()
    expect(await catalog.byName("queue4")).toMatchObject({ shard: 4 })
    expect(await catalog.byName("other")).toBeUndefined()
    expect(await catalog.byGeneration(104)).toMatchObject({ name: "queue4" })
    expect(await catalog.byGeneration(999)).toBeUndefined()
    expect(await catalog.doomed(3)).toEqual([{ shard: 3, generation: 103 }])
    expect(await catalog.list({ rowsMax: 5 })).toEqual({ queues: [], next: "queue9" })
    await catalog.bury(103)
    expect(n1.calls).toEqual(["bury 103"])
    await n1.catalog.erase({ shard: 3, generation: 103 }, "it was deleted")
    expect(n2.calls).toEqual(["erase 3 103 it was deleted"])
  })

  it("follow a shard to its new owner", async () => {
    const { fabric, n1, n2 } = await twoNodes()
    expect(await n1.admin.purge("queue1")).toBe(3)
    const n3 = await fabric.add("n3")
    fabric.give(1, n3)
    expect(await n1.admin.purge("queue1")).toBe(3)
    expect(await n2.admin.purge("queue1")).toBe(3)
    expect(n3.calls).toEqual(["purge queue1", "purge queue1"])
    fabric.give(1, n1)
    expect(await n2.admin.purge("queue1")).toBe(3)
    expect(n1.calls).toEqual(["purge queue1"])
  })

  it("wait for a shard that nobody has, and end as ShardUnavailable", async () => {
    const impatient = await twoNodes({ withinMs: 300 })
    impatient.fabric.give(4, undefined)
    const refusal = await errorOf(impatient.n2.admin.purge("queue4"))
    expect(refusal._tag).toBe("ShardUnavailable")
    const { fabric, n1, n2 } = await twoNodes()
    fabric.give(5, undefined)
    const waiting = n1.admin.purge("queue5")
    fabric.give(5, n2)
    expect(await waiting).toBe(3)
  })
})

describe("a peer that fails", () => {
  it("dies in the middle of a call: the call goes to the shard's next owner", async () => {
    const { fabric, n1, n2 } = await twoNodes()
    n2.gate = new Promise(() => {})
    const arrived = purgeAt(n2)
    const purge = n1.admin.purge("queue1")
    await arrived
    n2.silent = true
    await n2.kill()
    fabric.give(1, n1)
    expect(await purge).toBe(3)
    expect(n1.calls).toEqual(["purge queue1"])
  })

  it("stands still: the call goes on as soon as the node counts as silent", async () => {
    const { fabric, n1, n2 } = await twoNodes()
    let release: () => void = () => {}
    n2.gate = new Promise((resolve) => {
      release = resolve
    })
    const arrived = purgeAt(n2)
    const purge = n1.admin.purge("queue1")
    await arrived
    n2.silent = true
    fabric.give(1, n1)
    expect(await purge).toBe(3)
    expect(n1.calls.at(-1)).toBe("purge queue1")
    release()
  })

  it("takes no calls with a wrong secret, and says so to nobody but its log", async () => {
    const { n1, n2 } = await twoNodes({ secret: "guessed", withinMs: 300 })
    expect((await errorOf(n2.admin.purge("queue2")))._tag).toBe("ShardUnavailable")
    expect(n1.calls).toEqual([])
    expect(n1.port.counters().refusedTotal).toBeGreaterThan(0)
    expect(n1.port.counters().peers).toBe(0)
  })

  it("answers garbage: its connection is closed, the call ends bounded, others go on", async () => {
    const spoilt = (peers: Peers): Peers => ({
      connect: async (address) => {
        const connection = await peers.connect(address)
        return {
          ...connection,
          onMessage: (listener) =>
            connection.onMessage(() => listener(Uint8Array.of(0x82, 0xa1, 0xff))),
        }
      },
    })
    const { n1, n2 } = await twoNodes({ peers: spoilt, withinMs: 400 })
    expect((await errorOf(n2.admin.purge("queue2")))._tag).toBe("ShardUnavailable")
    expect(await n1.admin.purge("queue1")).toBe(3)
  })
})

describe("engine messages that a node would not send", () => {
  const bad: Record<string, Uint8Array> = {
    "no msgpack": Uint8Array.of(0xc1, 0xff),
    nothing: new Uint8Array(0),
    "no map": packValue([1, 2]),
    "an unknown message": packValue({ _tag: "Eof" }),
    "a call without an id": packValue({ _tag: "Request", tag: "Ping", headers: [] }),
    "an id that is no number": packValue({ _tag: "Request", id: "x", tag: "Ping", headers: [] }),
    "an answer": packValue({ _tag: "Exit", requestId: "1", exit: { _tag: "Success" } }),
    "a prototype key": Uint8Array.of(0x81, 0xa9, ...Buffer.from("__proto__"), 0x80),
    "headers of another form": packValue({ _tag: "Request", id: "1", tag: "Ping", headers: {} }),
  }

  it("end that connection alone", async () => {
    const { n1, n2 } = await twoNodes()
    for (const [what, message] of Object.entries(bad)) {
      const peer = await connectFabric({ address: n1.address, peer: secret })
      peer.engine.onMessage(() => {})
      peer.engine.send(message)
      expect((await peer.closed)._tag, what).toBe("ProtocolError")
    }
    expect(await n2.admin.purge("queue2")).toBe(3)
  })

  it("an unknown call, or a payload without sense, is answered with a fault", async () => {
    const { n1 } = await twoNodes()
    const peer = await connectFabric({ address: n1.address, peer: secret })
    const answers: Uint8Array[] = []
    const heard = new Promise<void>((resolve) =>
      peer.engine.onMessage((payload) => {
        if (answers.push(payload) === 2) resolve()
      }),
    )
    const request = { _tag: "Request", headers: [] as string[] }
    peer.engine.send(packValue({ ...request, id: "1", tag: "Nonsense", payload: {} }))
    peer.engine.send(packValue({ ...request, id: "2", tag: "Effect", payload: { request: 7 } }))
    await heard
    expect(await peer.ping()).toBeGreaterThanOrEqual(0)
    await peer.close()
  })

  it("from a client end its connection", async () => {
    const { n1 } = await twoNodes()
    const client = await connectFabric({ address: n1.address, token: "clients need one" })
    client.engine.send(packValue({ _tag: "Request", id: "1", tag: "Ping", headers: [] }))
    expect((await client.closed)._tag).toBe("ProtocolError")
  })
})
