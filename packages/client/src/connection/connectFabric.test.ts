import { limits, skeinError } from "@skein/model"
import {
  decodeFetch,
  decodePublish,
  decodeRpcCall,
  encodeEnvelope,
  encodeErrorEnvelope,
  encodeExtended,
  encodeFetched,
  encodeFrame,
  encodeGoaway,
  encodePublished,
  encodeSettled,
  encodeShardMap,
  packValue,
  unpackValue,
} from "@skein/wire"
import { afterEach, describe, expect, it } from "vitest"
import { type ConnectOptions, connectFabric } from "./connectFabric.js"
import { ManualClock } from "./testing/ManualClock.js"
import { StubNode } from "./testing/StubNode.js"

const cleanUps: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const startNode = async () => {
  const node = await StubNode.start()
  cleanUps.push(() => node.stop())
  return node
}

const setup = async (options: Partial<ConnectOptions> = {}) => {
  const node = await startNode()
  const clock = new ManualClock()
  const connection = await connectFabric({ address: node.address, clock, ...options })
  cleanUps.push(() => connection.close())
  return { node, clock, connection }
}

const queue = { shard: 3, generation: 9 }
const session = "cd".repeat(16)
const frame = encodeFrame([{ body: Uint8Array.of(1) }])
const publish = { queue, producer: "ab".repeat(16), frameNumber: 4, frame }
const fetch = {
  queue,
  session,
  fetchNumber: 1,
  messagesMax: 10,
  bytesMax: 1000,
  waitMs: 500,
  settles: [],
}
const settles = [{ outcome: "ack" as const, epoch: 1, attempt: 0, ranges: [1, 1] }]

describe("shard map", () => {
  it("is kept, and told to who listens", async () => {
    const { node, connection } = await setup()
    expect(connection.shardMap()).toBeUndefined()
    const heard: number[] = []
    const told = new Promise<void>((resolve) => {
      const stop = connection.onShardMap((map) => {
        heard.push(map.version)
        if (map.version === 2) stop()
        if (map.version === 2) connection.onShardMap(() => resolve())
      })
    })
    const nodes = [{ node: "n1", instance: "i", address: "127.0.0.1:1" }]
    for (const version of [1, 2, 3]) node.send(encodeShardMap({ version, nodes, owners: [0, -1] }))
    await told
    expect(heard).toEqual([1, 2])
    expect(connection.shardMap()).toEqual({ version: 3, nodes, owners: [0, -1] })
  })

  it("that makes no sense ends the connection", async () => {
    const { node, connection } = await setup()
    node.send(encodeEnvelope("shardMap", 0, packValue({ version: 1, nodes: [], owners: [0] })))
    expect((await connection.closed)._tag).toBe("ProtocolError")
  })
})

describe("calls", () => {
  it("each data call goes out as it is and its answer comes back", async () => {
    const { node, connection } = await setup()
    const { broker } = connection
    expect(connection.welcome.node).toBe("stub")

    const published = broker.publish(publish)
    const asked = await node.asked("publish")
    expect(decodePublish(asked.payload)).toEqual(publish)
    node.send(encodePublished(asked.correlation, { first: 7, count: 1 }))
    expect(await published).toEqual({ first: 7, count: 1 })

    const settled = broker.settle({ queue, session, settles })
    node.send(encodeSettled((await node.asked("settle")).correlation, [[1, 1]]))
    expect(await settled).toEqual([[1, 1]])

    const extended = broker.extend({ queue, session, epoch: 1, ranges: [1, 2] })
    node.send(encodeExtended((await node.asked("extend")).correlation, [2, 2]))
    expect(await extended).toEqual([2, 2])

    const opened = broker.openSession(session, 5000)
    node.send(encodeEnvelope("ok", (await node.asked("openSession")).correlation))
    await opened
    const closed = broker.closeSession(session)
    node.send(encodeEnvelope("ok", (await node.asked("closeSession")).correlation))
    await closed

    const ping = connection.ping()
    node.send(encodeEnvelope("pong", (await node.asked("ping")).correlation))
    expect(await ping).toBeGreaterThanOrEqual(0)
  })

  it("a frame over its limit is refused before it is sent", async () => {
    const { connection } = await setup()
    const large = { ...publish, frame: new Uint8Array(limits.frameBytesMax + 1) }
    await expect(connection.broker.publish(large)).rejects.toMatchObject({ _tag: "LimitExceeded" })
  })

  it("answers may come in any order", async () => {
    const { node, connection } = await setup()
    const calls = [1, 2, 3].map((frameNumber) =>
      connection.broker.publish({ ...publish, frameNumber }),
    )
    const asked = [
      await node.asked("publish"),
      await node.asked("publish"),
      await node.asked("publish"),
    ]
    for (const { correlation, payload } of asked.reverse()) {
      const request = decodePublish(payload)
      const first = "frameNumber" in request ? request.frameNumber * 100 : 0
      node.send(encodePublished(correlation, { first, count: 1 }))
    }
    expect((await Promise.all(calls)).map(({ first }) => first)).toEqual([100, 200, 300])
  })

  it("a fetch is settled first and delivered later, in either order of the envelopes", async () => {
    const { node, connection } = await setup()
    for (const deliveredFirst of [false, true]) {
      const call = connection.broker.fetch({ ...fetch, settles })
      const { correlation } = await node.asked("fetch")
      const answers = [encodeSettled(correlation, [[1, 1]]), encodeFetched(correlation, [])]
      if (deliveredFirst) answers.reverse()
      node.send(answers[0])
      if (!deliveredFirst) expect(await call.settled).toEqual([[1, 1]])
      node.send(answers[1])
      expect(await call.delivered).toEqual([])
      expect(await call.settled).toEqual([[1, 1]])
    }
  })

  it("a fetch without settles is settled at once; its runs keep their bytes", async () => {
    const { node, connection } = await setup()
    const call = connection.broker.fetch(fetch)
    expect(await call.settled).toEqual([])
    const run = {
      epoch: 1,
      attempt: 2,
      failed: 1,
      returned: 1,
      redelivered: true,
      first: 5,
      last: 5,
      frame,
    }
    const { correlation, payload } = await node.asked("fetch")
    expect(decodeFetch(payload)).toEqual(fetch)
    node.send(encodeFetched(correlation, [run]))
    const [got] = await call.delivered
    // The connection reuses its read buffer: what was delivered must not change with it.
    const ping = connection.ping()
    node.send(encodeEnvelope("pong", (await node.asked("ping")).correlation))
    await ping
    expect(got).toEqual(run)
  })

  it("cancel tells the node, and the fetch still gets its answer", async () => {
    const { node, connection } = await setup()
    const call = connection.broker.fetch(fetch)
    const { correlation } = await node.asked("fetch")
    call.cancel()
    expect((await node.asked("cancelFetch")).correlation).toBe(correlation)
    node.send(encodeFetched(correlation, []))
    expect(await call.delivered).toEqual([])
    call.cancel()
  })

  it("errors come back typed", async () => {
    const { node, connection } = await setup()
    const call = connection.broker.publish(publish)
    const error = skeinError("SequenceGap", "frame 3 is next", { expected: 3 })
    node.send(encodeErrorEnvelope((await node.asked("publish")).correlation, error))
    await expect(call).rejects.toMatchObject({ _tag: "SequenceGap", data: { expected: 3 } })
    const both = connection.broker.fetch({ ...fetch, settles })
    node.send(encodeErrorEnvelope((await node.asked("fetch")).correlation, error))
    await expect(both.settled).rejects.toMatchObject({ _tag: "SequenceGap" })
    await expect(both.delivered).rejects.toMatchObject({ _tag: "SequenceGap" })
  })

  it("admin calls are rpc envelopes", async () => {
    const { node, connection } = await setup()
    const { admin } = connection
    const declared = admin.declare("orders", { leaseMs: 2000 })
    const asked = await node.asked("rpc")
    expect(decodeRpcCall(asked.payload)).toEqual({
      call: "declare",
      payload: { name: "orders", policy: { leaseMs: 2000 } },
    })
    const info = { name: "orders", shard: 1, generation: 2, policy: { leaseMs: 2000 } }
    node.send(encodeEnvelope("rpc", asked.correlation, packValue(info)))
    // What the node left out of the policy has its default.
    expect(await declared).toMatchObject({
      ...info,
      policy: { leaseMs: 2000, dedupWindowMs: 600_000 },
    })

    const lookup = admin.lookup("x")
    const missing = skeinError("QueueNotFound", "no queue x", { name: "x" })
    node.send(encodeErrorEnvelope((await node.asked("rpc")).correlation, missing))
    await expect(lookup).rejects.toMatchObject({ _tag: "QueueNotFound", data: { name: "x" } })

    const purge = admin.purge("x")
    node.send(encodeEnvelope("rpc", (await node.asked("rpc")).correlation, packValue("many")))
    await expect(purge).rejects.toMatchObject({ _tag: "InternalError" })
    const list = admin.list()
    node.send(
      encodeEnvelope(
        "rpc",
        (await node.asked("rpc")).correlation,
        Uint8Array.of(0xdd, 255, 255, 255, 255),
      ),
    )
    await expect(list).rejects.toMatchObject({ _tag: "ProtocolError" })
  })
})

describe("calls that end early", () => {
  it("TimedOut, and the late answer is dropped", async () => {
    const { node, clock, connection } = await setup({ callTimeoutMs: 1000 })
    const call = connection.broker.publish(publish)
    const { correlation } = await node.asked("publish")
    clock.advance(1000)
    await expect(call).rejects.toMatchObject({ _tag: "TimedOut", data: { timeoutMs: 1000 } })
    node.send(encodePublished(correlation, { first: 1, count: 1 }))
    const next = connection.broker.publish(publish, { timeoutMs: 50 })
    const second = await node.asked("publish")
    expect(second.correlation).not.toBe(correlation)
    node.send(encodePublished(second.correlation, { first: 2, count: 1 }))
    expect(await next).toEqual({ first: 2, count: 1 })
  })

  it("a fetch times out after its wait and tells the node", async () => {
    const { node, clock, connection } = await setup({ callTimeoutMs: 1000 })
    const call = connection.broker.fetch(fetch)
    const { correlation } = await node.asked("fetch")
    clock.advance(1499)
    clock.advance(1)
    await expect(call.delivered).rejects.toMatchObject({ _tag: "TimedOut" })
    expect((await node.asked("cancelFetch")).correlation).toBe(correlation)
  })

  it.each([false, true])(
    "the late answers of a fetch are dropped, with settles: %s",
    async (both) => {
      const { node, clock, connection } = await setup({ callTimeoutMs: 1000 })
      const call = connection.broker.fetch(both ? { ...fetch, settles } : fetch)
      const { correlation } = await node.asked("fetch")
      clock.advance(1500)
      await expect(call.delivered).rejects.toMatchObject({ _tag: "TimedOut" })
      await node.asked("cancelFetch")
      if (both) node.send(encodeSettled(correlation, []))
      node.send(encodeFetched(correlation, []))
      call.cancel()
      const ping = connection.ping()
      node.send(encodeEnvelope("pong", (await node.asked("ping")).correlation))
      expect(await ping).toBe(0)
    },
  )

  it("Aborted, before and during the call, data and admin", async () => {
    const { node, connection } = await setup()
    const gone = AbortSignal.abort()
    const aborted = { _tag: "Aborted" }
    await expect(connection.broker.publish(publish, { signal: gone })).rejects.toMatchObject(
      aborted,
    )
    await expect(connection.admin.lookup("q", { signal: gone })).rejects.toMatchObject(aborted)
    const controller = new AbortController()
    const { signal } = controller
    const calls = [
      connection.broker.publish(publish, { signal }),
      connection.broker.fetch(fetch, { signal }).delivered,
      connection.admin.lookup("q", { signal }),
    ]
    await node.asked("publish")
    controller.abort()
    for (const call of calls) await expect(call).rejects.toMatchObject(aborted)
  })

  it("too many at once are refused here", async () => {
    const { connection } = await setup()
    const calls = Array.from({ length: limits.requestsInFlightPerConnectionMax + 1 }, () =>
      connection.broker.settle({ queue, session, settles: [] }).catch((error) => error._tag),
    )
    expect(await calls.at(-1)).toBe("LimitExceeded")
    await connection.close()
    expect(await calls[0]).toBe("ConnectionFailed")
  })
})

describe("the end of a connection", () => {
  it("every call rejects with ConnectionFailed, and closed tells the cause", async () => {
    const { node, connection } = await setup()
    const fetching = connection.broker.fetch({ ...fetch, settles })
    const calls = [
      connection.broker.publish(publish),
      connection.admin.lookup("q"),
      connection.ping(),
      fetching.settled,
      fetching.delivered,
    ]
    await node.asked("fetch")
    node.sockets[0].destroy()
    for (const call of calls) {
      await expect(call).rejects.toMatchObject({ _tag: "ConnectionFailed", retryable: true })
    }
    expect((await connection.closed)._tag).toBe("ConnectionFailed")
    await expect(connection.broker.publish(publish)).rejects.toMatchObject({
      _tag: "ConnectionFailed",
    })
  })

  it("an error for the connection is the cause", async () => {
    const { node, connection } = await setup()
    const call = connection.broker.publish(publish)
    await node.asked("publish")
    node.send(encodeErrorEnvelope(0, skeinError("ProtocolError", "a second hello")))
    await expect(call).rejects.toMatchObject({ _tag: "ConnectionFailed", detail: "a second hello" })
    expect((await connection.closed)._tag).toBe("ProtocolError")
  })

  it("close sends what is queued, rejects the rest, and is quiet the second time", async () => {
    const { node, connection } = await setup()
    const call = connection.broker.publish(publish)
    const closing = connection.close()
    await expect(call).rejects.toMatchObject({ _tag: "ConnectionFailed" })
    await node.asked("publish")
    await closing
    await connection.close()
    expect((await connection.closed)._tag).toBe("FabricClosed")
  })

  it("goaway is told, and answers still come", async () => {
    const { node, connection } = await setup()
    const call = connection.broker.publish(publish)
    const { correlation } = await node.asked("publish")
    node.send(encodeGoaway({ reason: "the node is shutting down" }))
    expect(await connection.goaway).toBe("the node is shutting down")
    node.send(encodePublished(correlation, { first: 1, count: 1 }))
    expect(await call).toEqual({ first: 1, count: 1 })
  })

  it("a node that does not answer pings is left", async () => {
    const { node, clock, connection } = await setup()
    clock.advance(limits.pingEveryMs)
    const { correlation } = await node.asked("ping")
    node.send(encodeEnvelope("pong", correlation))
    // Answers come in order: when this one is there, the pong has been read.
    const opened = connection.broker.openSession(session, 5000)
    node.send(encodeEnvelope("ok", (await node.asked("openSession")).correlation))
    await opened
    clock.advance(limits.pingEveryMs)
    clock.advance(limits.pingWithinMs)
    expect(await connection.closed).toMatchObject({ _tag: "ConnectionFailed" })
  })

  it.each([
    ["an answer to no call", () => encodeEnvelope("ok", 77)],
    ["an answer of another kind", (correlation: number) => encodeEnvelope("ok", correlation)],
    [
      "an answer that is malformed",
      (correlation: number) => encodeEnvelope("published", correlation),
    ],
    ["an unknown length", () => [Uint8Array.of(255, 255, 255, 255)]],
    ["a request", (correlation: number) => encodeEnvelope("publish", correlation)],
    ["a malformed goaway", () => encodeEnvelope("goaway", 0)],
  ])("a node that sends %s is left", async (_, answer) => {
    const { node, connection } = await setup()
    const call = connection.broker.publish(publish)
    const { correlation } = await node.asked("publish")
    node.send(answer(correlation))
    await expect(call).rejects.toMatchObject({ _tag: "ConnectionFailed" })
    expect(["ProtocolError", "LimitExceeded"]).toContain((await connection.closed)._tag)
  })
})

describe("a peer", () => {
  it("carries a peer's engine messages both ways; unasked they end the connection", async () => {
    const node = await startNode()
    const peer = await connectFabric({ address: node.address, peer: "secret" })
    const answered = new Promise<Uint8Array>((resolve) => peer.engine.onMessage(resolve))
    expect(peer.engine.send(packValue("there"))).toBeUndefined()
    expect(unpackValue((await node.asked("engine")).payload)).toBe("there")
    node.send(encodeEnvelope("engine", 0, packValue("back")))
    expect(unpackValue(await answered)).toBe("back")
    await peer.close()
    expect(peer.engine.send(packValue("late"))?._tag).toBe("ConnectionFailed")
    const client = await connectFabric({ address: node.address })
    node.send(encodeEnvelope("engine", 0, packValue("back")))
    expect((await client.closed)._tag).toBe("ProtocolError")
  })
})

describe("connecting", () => {
  it("ConfigInvalid for an address that is none", async () => {
    for (const address of ["", "localhost", "127.0.0.1:", "127.0.0.1:99999", "::1:7100", "a:b"]) {
      await expect(connectFabric({ address })).rejects.toMatchObject({ _tag: "ConfigInvalid" })
    }
  })

  it("ConnectionFailed where nobody listens", async () => {
    const node = await startNode()
    const { address } = node
    await node.stop()
    cleanUps.pop()
    await expect(connectFabric({ address })).rejects.toMatchObject({ _tag: "ConnectionFailed" })
  })

  it("ConnectionFailed when the welcome does not come in time, Aborted when told", async () => {
    const node = await startNode()
    node.greeting = []
    const clock = new ManualClock()
    const connecting = connectFabric({ address: node.address, clock, connectTimeoutMs: 700 })
    clock.advance(700)
    await expect(connecting).rejects.toMatchObject({ _tag: "ConnectionFailed" })
    const controller = new AbortController()
    const { signal } = controller
    const aborted = connectFabric({ address: node.address, clock, signal })
    controller.abort()
    await expect(aborted).rejects.toMatchObject({ _tag: "Aborted" })
    await expect(connectFabric({ address: node.address, signal })).rejects.toMatchObject({
      _tag: "Aborted",
    })
    expect(clock.timers).toBe(0)
  })

  it("ConnectionFailed where something else than a node answers", async () => {
    const node = await startNode()
    node.greeting = [new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n")]
    await expect(connectFabric({ address: node.address })).rejects.toMatchObject({
      _tag: "ConnectionFailed",
      detail: `what answers at ${node.address} is not a Skein node`,
    })
  })

  it("the node's refusal is the error", async () => {
    const node = await startNode()
    node.greeting = encodeErrorEnvelope(0, skeinError("Unauthorized", "a token is needed"))
    await expect(connectFabric({ address: node.address })).rejects.toMatchObject({
      _tag: "Unauthorized",
    })
    node.greeting = encodeEnvelope("ok", 0)
    await expect(connectFabric({ address: node.address })).rejects.toMatchObject({
      _tag: "ProtocolError",
    })
  })
})
