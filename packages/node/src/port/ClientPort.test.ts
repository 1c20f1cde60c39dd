import { createServer } from "node:net"
import { isSkeinError, limits, skeinError } from "@skein/model"
import {
  decodeErrorEnvelope,
  decodeGoaway,
  decodePublished,
  decodeSettled,
  decodeWelcome,
  encodeCloseSession,
  encodeEnvelope,
  encodeExtend,
  encodeFetch,
  encodeHello,
  encodeOpenSession,
  encodePublish,
  encodeRpcCall,
  encodeSettle,
  unpackValue,
} from "@skein/wire"
import { describe, expect, it } from "vitest"
import { ClientPort } from "./ClientPort.js"
import { identity, openPort } from "./testing/PortRig.js"
import { RawClient } from "./testing/RawClient.js"
import { fetchOf, frameOf, publishOf, runOf, StubFabric } from "./testing/StubFabric.js"

/** Many fetches in one write, so that one chunk brings them all. */
const fetches = (from: number, to: number): Uint8Array => {
  const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i)
  return Buffer.concat(numbers.flatMap((i) => encodeFetch(i, fetchOf({ fetchNumber: i }))))
}

const settle = [{ outcome: "ack" as const, epoch: 1, attempt: 0, ranges: [1, 1] }]

describe("serving", () => {
  it("answers the handshake with who it is and its limits", async () => {
    const { address, events } = await openPort()
    const client = new RawClient(address.port)
    client.send(encodeHello({ min: 1, max: 9, client: "test" }))
    const welcome = await client.next()
    expect(decodeWelcome(welcome?.payload ?? new Uint8Array())).toMatchObject({
      version: 1,
      ...identity,
      limits: { envelopeBytesMax: limits.envelopeBytesMax },
    })
    expect(events).toContainEqual(expect.objectContaining({ _tag: "Connected", client: "test" }))
  })

  it("tells who is connected, and which queues they use how often; no other nodes", async () => {
    const { port, clock, address } = await openPort({ peerSecret: "a secret" })
    const peer = new RawClient(address.port)
    peer.send(encodeHello({ min: 1, max: 1, client: "n2", peer: "a secret" }))
    await peer.next()
    const client = new RawClient(address.port)
    client.send(encodeHello({ min: 1, max: 1, client: "billing" }))
    await client.next()
    clock.advance(5_000)
    client.send(encodeOpenSession(1, { session: "cd".repeat(16), leaseMs: 5_000 }))
    client.send(encodePublish(2, publishOf(frameOf(3, 10))))
    client.send(encodePublish(3, { ...publishOf(frameOf(3, 10), 2) }))
    client.send(encodeFetch(4, fetchOf()))
    client.send(encodeEnvelope("ping", 9))
    for (let answer = await client.next(); answer?.kind !== "pong"; answer = await client.next()) {}
    expect(port.clients()).toEqual([
      {
        peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        ...{ clientName: "billing", connectedMs: 5_000, sessions: 1 },
        publishes: [{ shard: 1, generation: 1, requests: 2 }],
        consumes: [{ shard: 1, generation: 1, requests: 1 }],
      },
    ])
  })

  it("carries each data call and its answer", async () => {
    const { fabric, address } = await openPort()
    const client = await RawClient.open(address.port)
    const frame = frameOf(3, 10)
    client.send(encodePublish(1, publishOf(frame)))
    const published = await client.next()
    expect(published?.correlation).toBe(1)
    expect(decodePublished(published?.payload ?? frame)).toEqual({ first: 1, count: 3 })
    expect(Buffer.compare(fabric.publishes[0].frame, frame)).toBe(0)

    const session = "cd".repeat(16)
    client.send(encodeOpenSession(2, { session, leaseMs: 5000 }))
    expect(await client.next()).toMatchObject({ kind: "ok", correlation: 2 })
    expect(fabric.sessions.has(session)).toBe(true)
    const { queue } = fetchOf()
    client.send(encodeExtend(3, { queue, session, epoch: 1, ranges: [1, 2] }))
    expect(await client.next()).toMatchObject({ kind: "extended", correlation: 3 })
    client.send(encodeSettle(4, { queue, session, settles: settle }))
    expect(await client.next()).toMatchObject({ kind: "settled", correlation: 4 })
    client.send(encodeCloseSession(5, session))
    expect(await client.next()).toMatchObject({ kind: "ok", correlation: 5 })
    expect(fabric.sessions.size).toBe(0)
  })

  it("answers a fetch with settles twice, without settles once", async () => {
    const { fabric, address } = await openPort()
    fabric.runs = [runOf(frameOf(2, 5), 2)]
    const client = await RawClient.open(address.port)
    client.send(encodeFetch(1, fetchOf({ settles: settle })))
    const first = await client.next()
    expect(first).toMatchObject({ kind: "settled", correlation: 1 })
    expect(decodeSettled(first?.payload ?? new Uint8Array())).toEqual([])
    expect(await client.next()).toMatchObject({ kind: "fetched", correlation: 1 })
    client.send(encodeFetch(1, fetchOf()))
    expect(await client.next()).toMatchObject({ kind: "fetched", correlation: 1 })
    expect(await client.ping()).toBe(true)
  })

  it("a waiting fetch ends when it is cancelled; the same for one unknown is nothing", async () => {
    const { fabric, address } = await openPort()
    const client = await RawClient.open(address.port)
    client.send(encodeFetch(7, fetchOf()))
    client.send(encodeEnvelope("cancelFetch", 99))
    expect(await client.ping()).toBe(true)
    client.send(encodeEnvelope("cancelFetch", 7))
    expect(await client.next()).toMatchObject({ kind: "fetched", correlation: 7 })
    expect(fabric.cancelled).toBe(1)
  })

  it("a connection that closes cancels its fetches, not its sessions", async () => {
    const { fabric, address, port } = await openPort()
    const client = await RawClient.open(address.port)
    client.send(encodeOpenSession(1, { session: fetchOf().session, leaseMs: 5000 }))
    client.send(encodeFetch(2, fetchOf()))
    client.send(encodeFetch(3, fetchOf({ fetchNumber: 2 })))
    await client.next()
    expect(await client.ping()).toBe(true)
    const other = await RawClient.open(address.port)
    await client.end()
    await other.until(() => port.counters().connections === 1)
    expect(fabric.cancelled).toBe(2)
    expect(fabric.sessions.size).toBe(1)
    expect(port.counters()).toMatchObject({ requestsInFlight: 0, inFlightBytes: 0 })
  })

  it("errors of the fabric travel whole; faults are told without their text", async () => {
    const { fabric, address, events } = await openPort()
    const client = await RawClient.open(address.port)
    fabric.fault = skeinError("SequenceGap", "frame 7 is next", { expected: 7 })
    client.send(encodePublish(1, publishOf(frameOf(1, 1))))
    const gap = await client.error()
    expect(gap.correlation).toBe(1)
    expect(gap.error).toMatchObject({ _tag: "SequenceGap", data: { expected: 7 } })
    fabric.fault = new Error("secret detail")
    client.send(encodePublish(2, publishOf(frameOf(1, 1))))
    const { error } = await client.error()
    expect(error._tag).toBe("InternalError")
    expect(error.message).not.toContain("secret")
    expect(events).toContainEqual(
      expect.objectContaining({ _tag: "RequestFault", kind: "publish" }),
    )
    expect(await client.ping()).toBe(true)
  })

  it("carries the admin calls as rpc", async () => {
    const { fabric, address } = await openPort()
    const client = await RawClient.open(address.port)
    const call = (correlation: number, name: string, payload: unknown) =>
      client.send(encodeEnvelope("rpc", correlation, encodeRpcCall({ call: name, payload })))
    call(1, "declare", { name: "orders", policy: { leaseMs: 2000 } })
    const declared = await client.next()
    expect(unpackValue(declared?.payload ?? new Uint8Array())).toMatchObject({
      name: "orders",
      policy: { leaseMs: 2000 },
    })
    call(2, "lookup", { name: "x" })
    expect((await client.error()).error._tag).toBe("QueueNotFound")
    call(3, "show", { name: "x" })
    const fault = (await client.error()).error
    expect(fault._tag).toBe("InternalError")
    expect(fault.message).not.toContain("hunter2")
    fabric.peeked = new Uint8Array(limits.frameBytesMax + 1)
    call(5, "peek", { name: "x" })
    expect((await client.error()).error._tag).toBe("LimitExceeded")
    call(4, "purge", { name: "x" })
    expect(unpackValue((await client.next())?.payload ?? new Uint8Array())).toBe(3)
  })
})

describe("tokens and addresses", () => {
  it("a token is asked for, compared whole, and in no event", async () => {
    const { address, events } = await openPort({ token: "s3cret-token" })
    for (const token of [undefined, "", "s3cret", "s3cret-tokenX"]) {
      const client = new RawClient(address.port)
      client.send(encodeHello({ min: 1, max: 1, ...(token !== undefined && { token }) }))
      expect((await client.refusal())._tag).toBe("Unauthorized")
    }
    await RawClient.open(address.port, "s3cret-token")
    const told = events.map(
      (event) => JSON.stringify(event) + String("error" in event && event.error),
    )
    expect(told.join("\n")).not.toContain("s3cret")
  })

  it.each(["0.0.0.0", "::", "192.168.1.5", "127.0.0.1.example.org", "10.0.0.1", "example.org", ""])(
    "BindRefused: %j",
    async (host) => {
      const port = new ClientPort(new StubFabric(), { host, port: 0, identity })
      await expect(port.start()).rejects.toMatchObject({ _tag: "BindRefused" })
      await port.stop()
    },
  )

  it.each(["127.0.0.1", "127.0.0.2", "localhost"])("loopback: %s", async (host) => {
    const { address } = await openPort({ host })
    expect(address.port).toBeGreaterThan(0)
  })

  it("AddressInUse names the address", async () => {
    const { address } = await openPort()
    const events: string[] = []
    const second = new ClientPort(new StubFabric(), {
      host: "127.0.0.1",
      port: address.port,
      identity,
      onEvent: ({ _tag }) => events.push(_tag),
    })
    await expect(second.start()).rejects.toMatchObject({
      _tag: "AddressInUse",
      data: { port: address.port },
    })
    await second.stop()
    // It never took a connection: an operator is not told that it drains any.
    expect(events).toEqual([])
  })

  it("ConfigInvalid for a port that is none", async () => {
    const port = new ClientPort(new StubFabric(), { host: "127.0.0.1", port: 70_000, identity })
    await expect(port.start()).rejects.toMatchObject({ _tag: "ConfigInvalid" })
    await port.stop()
  })

  it("versions that do not overlap are told apart from a bad client", async () => {
    const { address } = await openPort()
    const client = new RawClient(address.port)
    client.send(encodeHello({ min: 2, max: 7 }))
    expect(await client.refusal()).toMatchObject({
      _tag: "VersionUnsupported",
      data: { min: 1, max: 1 },
    })
  })
})

describe("limits", () => {
  it("connections over the limit are told so; a place that is free again is given", async () => {
    const { address, port } = await openPort({ limits: { connectionsPerNodeMax: 2 } })
    const first = await RawClient.open(address.port)
    const second = await RawClient.open(address.port)
    expect(await new RawClient(address.port).refusal()).toMatchObject({
      _tag: "LimitExceeded",
      data: { limit: "connectionsPerNodeMax", max: 2 },
    })
    await first.end()
    await second.until(() => port.counters().connections === 1)
    expect(await (await RawClient.open(address.port)).ping()).toBe(true)
  })

  it("requests in flight over the limit are refused one by one", async () => {
    const { fabric, address } = await openPort({ limits: { requestsInFlightPerConnectionMax: 2 } })
    fabric.holding = true
    const client = await RawClient.open(address.port)
    for (let i = 1; i <= 3; i++) client.send(encodePublish(i, publishOf(frameOf(1, 1), i)))
    const { correlation, error } = await client.error()
    expect([correlation, error._tag]).toEqual([3, "LimitExceeded"])
    fabric.letGo()
    expect(await client.next()).toMatchObject({ kind: "published" })
    expect(await client.next()).toMatchObject({ kind: "published" })
  })

  it("reading stops at the connection's bytes in flight, and goes on after answers", async () => {
    const max = 200_000
    const { fabric, address, port } = await openPort({
      limits: { inFlightBytesPerConnectionMax: max },
    })
    fabric.holding = true
    const client = await RawClient.open(address.port)
    const other = await RawClient.open(address.port)
    const frame = frameOf(1, 50_000)
    const sent = 200
    for (let i = 1; i <= sent; i++) client.send(encodePublish(i, publishOf(frame, i)))
    await fabric.whenHeld(4)
    // Another connection is served while this one is not read.
    for (let i = 0; i < 20; i++) expect(await other.ping()).toBe(true)
    expect(port.counters().inFlightBytes).toBeLessThanOrEqual(max + 64 * 1024 + frame.length + 100)
    expect(fabric.publishes.length).toBeLessThan(20)
    fabric.holding = false
    fabric.letGo()
    for (let i = 0; i < sent; i++) expect((await client.next())?.kind).toBe("published")
    expect(port.counters()).toMatchObject({ inFlightBytes: 0, requestsInFlight: 0 })
  })

  it("reading stops for all at the node's bytes in flight", async () => {
    const max = 300_000
    const { fabric, address, port } = await openPort({ limits: { inFlightBytesPerNodeMax: max } })
    fabric.holding = true
    const clients = [await RawClient.open(address.port), await RawClient.open(address.port)]
    const frame = frameOf(1, 50_000)
    for (const client of clients) {
      for (let i = 1; i <= 20; i++) client.send(encodePublish(i, publishOf(frame, i)))
    }
    await fabric.whenHeld(6)
    await turns(50)
    const slack = clients.length * (64 * 1024 + frame.length)
    expect(port.counters().inFlightBytes).toBeLessThanOrEqual(max + slack)
    fabric.holding = false
    fabric.letGo()
    for (const client of clients) {
      for (let i = 0; i < 20; i++) expect((await client.next())?.kind).toBe("published")
    }
    expect(port.counters().inFlightBytes).toBe(0)
  })

  it("a peer that takes no answers is not read, then cut off; others do not notice", async () => {
    const { fabric, address, port, events, clock } = await openPort({
      limits: { unsentBytesPauseAt: 1_000_000 },
    })
    fabric.runs = [runOf(frameOf(1, 400_000), 1)]
    const slow = await RawClient.open(address.port)
    slow.socket.pause()
    const other = await RawClient.open(address.port)
    slow.bytes(fetches(1, 100))
    await other.until(() => fabric.fetches.length === 100)
    await other.until(() => port.counters().unsentBytes >= 20_000_000)
    slow.bytes(fetches(101, 130))
    for (let i = 0; i < 50; i++) expect(await other.ping()).toBe(true)
    expect(fabric.fetches.length).toBe(100)
    for (let i = 0; i < 3; i++) {
      clock.advance(limits.envelopeWithinMs)
      expect(await other.ping()).toBe(true)
    }
    expect(events).toContainEqual(
      expect.objectContaining({ error: expect.objectContaining({ _tag: "Overloaded" }) }),
    )
    await other.until(() => port.counters().connections === 1)
    await slow.end()
  })

  it("too much unread ends the connection at once", async () => {
    const { fabric, address, port } = await openPort({
      limits: { unsentBytesPauseAt: 10_000_000, unsentBytesPerConnectionMax: 3_000_000 },
    })
    fabric.runs = [runOf(frameOf(1, 400_000), 1)]
    const slow = await RawClient.open(address.port)
    slow.socket.pause()
    slow.bytes(fetches(1, 100))
    const other = await RawClient.open(address.port)
    await other.until(() => port.counters().connections === 1)
    expect(port.counters().unsentBytes).toBe(0)
    await slow.end()
  })
})

it("of those who take no answers, the one with the most makes room on the node", async () => {
  const { fabric, address, port } = await openPort({
    limits: { unsentBytesPerNodeMax: 40_000_000 },
  })
  fabric.runs = [runOf(frameOf(1, 400_000), 1)]
  const other = await RawClient.open(address.port)
  const peers: RawClient[] = []
  for (const count of [60, 90]) {
    const peer = await RawClient.open(address.port)
    peer.socket.pause()
    peer.bytes(fetches(1, count))
    peers.push(peer)
    await other.until(() => fabric.fetches.length === (peers.length === 1 ? 60 : 150))
  }
  await other.until(() => port.counters().connections === 2)
  const [kept, cut] = peers
  cut.socket.resume()
  await cut.closed
  kept.socket.resume()
  for (let i = 0; i < 60; i++) expect((await kept.next())?.kind).toBe("fetched")
})

/** Lets pending I/O of this process happen. */
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe("drain", () => {
  it("says goaway, ends waits, refuses what is new, finishes what is in flight", async () => {
    const { fabric, address, port } = await openPort()
    fabric.holding = true
    const client = await RawClient.open(address.port)
    client.send(encodePublish(1, publishOf(frameOf(1, 1))))
    client.send(encodeFetch(2, fetchOf()))
    await fabric.whenHeld(1)
    await client.ping()
    const stopped = port.stop()
    const goaway = await client.next()
    expect(decodeGoaway(goaway?.payload ?? new Uint8Array())).toMatchObject({
      reason: "the node is shutting down",
    })
    expect(await client.next()).toMatchObject({ kind: "fetched", correlation: 2 })
    client.send(encodePublish(3, publishOf(frameOf(1, 1), 2)))
    const refused = await client.error()
    expect([refused.correlation, refused.error._tag, refused.error.retryable]).toEqual([
      3,
      "ShardUnavailable",
      true,
    ])
    // What was processed is still taken; only the wait for more is refused.
    client.send(encodeFetch(4, fetchOf({ fetchNumber: 2, settles: settle })))
    expect(await client.next()).toMatchObject({ kind: "settled", correlation: 4 })
    expect((await client.error()).correlation).toBe(4)
    expect(fabric.settles.length).toBe(1)
    fabric.letGo()
    expect(await client.next()).toMatchObject({ kind: "published", correlation: 1 })
    expect(await client.next()).toBeUndefined()
    await stopped
    expect(port.counters()).toMatchObject({ connections: 0, requestsInFlight: 0 })
    await new RawClient(address.port).closed
  })

  it("what is not finished in time is cut off; a second stop does not wait", async () => {
    for (const hurry of [false, true]) {
      const { fabric, address, port, clock } = await openPort()
      fabric.holding = true
      const client = await RawClient.open(address.port)
      client.send(encodePublish(1, publishOf(frameOf(1, 1))))
      await fabric.whenHeld(1)
      const stopped = port.stop()
      if (hurry) void port.stop()
      else clock.advance(limits.drainWithinMs)
      await stopped
      await client.closed
      expect(client.received.map(({ kind }) => kind)).not.toContain("published")
    }
  })

  it("stops before it was started, and with nobody connected", async () => {
    await new ClientPort(new StubFabric(), { host: "127.0.0.1", port: 0, identity }).stop()
    const { port, clock } = await openPort()
    await port.stop()
    expect(clock.timers).toBe(0)
  })

  it("after stop the port is free again", async () => {
    const { port, address } = await openPort()
    const client = await RawClient.open(address.port)
    await port.stop()
    await client.closed
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(address.port, "127.0.0.1", () => resolve()))
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })
})

it("decodes its own errors", () => {
  expect(isSkeinError(decodeErrorEnvelope(new Uint8Array()))).toBe(true)
})
