/**
 * The native-port list of bad input, by id: a clear typed error, harm to the sender only. Each test
 * keeps a well-behaved connection beside the hostile one and asks at the end that it is served.
 */
import { gzipSync } from "node:zlib"
import { limits } from "@skein/model"
import {
  encodeCloseSession,
  encodeEnvelope,
  encodeFetch,
  encodeHello,
  encodeOpenSession,
  encodePublish,
  encodeRpcCall,
  encodeSettle,
  kinds,
  type Parts,
  packValue,
} from "@skein/wire"
import { Packr } from "msgpackr"
import { afterEach, describe, expect, it } from "vitest"
import type { ClientPortOptions } from "./ClientPort.js"
import { nothingKept, openPort, stopNow } from "./testing/PortRig.js"
import { header, RawClient } from "./testing/RawClient.js"
import { fetchOf, frameOf, publishOf } from "./testing/StubFabric.js"

const checks: (() => Promise<void>)[] = []

const setup = async (options: Partial<ClientPortOptions> = {}) => {
  const { fabric, clock, events, port: server, address } = await openPort(options)
  const { port } = address
  const bystander = await RawClient.open(port, options.token)
  checks.push(async () => {
    // Harm to the sender only.
    expect(await bystander.ping()).toBe(true)
    bystander.send(encodePublish(1, publishOf(frameOf(2, 10))))
    expect(await bystander.next()).toMatchObject({ kind: "published", correlation: 1 })
    await bystander.end()
    await stopNow(server)
    expect(server.counters()).toMatchObject(nothingKept)
    expect(clock.timers).toBe(0)
  })
  return { fabric, clock, events, server, port, bystander }
}

afterEach(async () => {
  for (const check of checks.splice(0)) await check()
})

const tls = Buffer.from(`1603010200010001fc0303${"ab".repeat(200)}`, "hex")
const random = (count: number, seed: number) => {
  let state = seed
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 24
  })
}

describe("N1 other protocols", () => {
  it.each<[string, Uint8Array | string]>([
    ["a TLS ClientHello", tls],
    ["an HTTP GET", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    ["an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["an AMQP header", "AMQP\x00\x00\x09\x01"],
    ["a NATS CONNECT", 'CONNECT {"verbose":false}\r\n'],
    ["random bytes", random(4096, 7)],
    ["a gzip stream", gzipSync("hello")],
  ])("N1 %s gets one error envelope and a close", async (_, first) => {
    const { port } = await setup()
    const client = new RawClient(port)
    client.bytes(first)
    const error = await client.refusal()
    expect(error._tag).toBe("ProtocolError")
    expect(error.detail).not.toContain("\n")
  })

  it("N1 the same, one byte after the other", async () => {
    const { port } = await setup()
    const client = new RawClient(port)
    for (const byte of Buffer.from("GET / HTTP/1.1\r\n")) client.bytes(Uint8Array.of(byte))
    expect((await client.refusal())._tag).toBe("ProtocolError")
  })
})

describe("N2 lengths that lie", () => {
  const sizes = [0, 1, 5, limits.envelopeBytesMax + 1, 2 ** 31 - 1, 2 ** 32 - 1]

  it.each(sizes)("N2 a length of %d is refused before anything is allocated", async (length) => {
    const { port, server } = await setup()
    const client = await RawClient.open(port)
    const before = process.memoryUsage().arrayBuffers
    client.bytes(header(kinds.publish, 1, new Uint8Array(0), length))
    const error = await client.refusal()
    expect(error._tag).toBe(length < 6 ? "ProtocolError" : "LimitExceeded")
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024)
    expect(server.counters().partialBytes).toBe(0)
  })

  it.each(sizes)("N2 a hello's length of %d, before any token is known", async (length) => {
    const { port } = await setup({ token: "t" })
    const client = new RawClient(port)
    client.bytes(header(kinds.hello, 0, new Uint8Array(0), length).subarray(0, 4))
    expect((await client.refusal())._tag).toBe("ProtocolError")
  })

  it("N2 a hundred announcements of 10 MiB hold little, the oldest gives way", async () => {
    const { port, server, bystander } = await setup({
      limits: { partialBytesPerNodeMax: 4 * 1024 * 1024 },
    })
    const clients: RawClient[] = []
    const announce = header(kinds.publish, 1, new Uint8Array(8), limits.envelopeBytesMax)
    for (let i = 0; i < 100; i++) {
      const client = await RawClient.open(port)
      client.bytes(announce)
      clients.push(client)
      expect(await bystander.ping()).toBe(true)
      expect(server.counters().partialBytes).toBeLessThan(5 * 1024 * 1024)
    }
    expect((await clients[0].refusal())._tag).toBe("Overloaded")
    for (const client of clients) await client.end()
  })
})

describe("N3 slow senders", () => {
  const late = (limit: string) => ({ _tag: "ProtocolError", data: { limit } })

  it("N3 no hello, or half of one, within 5 s", async () => {
    const { port, clock, server } = await setup()
    const silent = new RawClient(port)
    const half = new RawClient(port)
    const [hello] = encodeHello({ min: 1, max: 1 })
    half.bytes(hello.subarray(0, 12))
    while (server.counters().partialBytes === 0) await turn()
    clock.advance(limits.helloWithinMs - 1)
    half.bytes(hello.subarray(12, 13))
    await turn()
    clock.advance(1)
    expect(await silent.refusal()).toMatchObject(late("helloWithinMs"))
    expect(await half.refusal()).toMatchObject(late("helloWithinMs"))
  })

  it("N3 an envelope byte by byte is cut off 30 s after its first byte", async () => {
    const { port, clock, server, bystander } = await setup()
    const slow = await RawClient.open(port)
    const bytes = header(kinds.publish, 1, new Uint8Array(1000))
    for (let i = 0; i < 29; i++) {
      const before = server.counters().partialBytes
      slow.bytes(bytes.subarray(i, i + 1))
      // The length of a partial header tells that the byte has arrived.
      while (i < 10 && server.counters().partialBytes === before) await turn()
      clock.advance(1000)
      await bystander.ping()
    }
    expect(slow.received.length).toBe(1)
    clock.advance(1000)
    expect(await slow.refusal()).toMatchObject(late("envelopeWithinMs"))
  })

  it("N3 silence between envelopes is cut off after a minute; a ping keeps it open", async () => {
    const { port, clock, bystander } = await setup()
    const silent = await RawClient.open(port)
    for (let i = 0; i < 4; i++) {
      clock.advance(limits.idleWithinMs / 4)
      await bystander.ping()
    }
    expect(await silent.refusal()).toMatchObject(late("idleWithinMs"))
  })

  it("N3 a fast sender pays nothing for the deadlines", async () => {
    const { port, clock } = await setup()
    const client = await RawClient.open(port)
    for (let i = 0; i < 100; i++) {
      const [bytes] = [header(kinds.ping, i + 1)]
      client.bytes(bytes.subarray(0, 5), bytes.subarray(5))
      expect(await client.next()).toMatchObject({ kind: "pong" })
    }
    // One watch per connection, however much was read.
    expect(clock.timers).toBeLessThanOrEqual(2)
    await client.end()
  })
})

/** A hello or rpc call whose payload is exactly these bytes. */
const hello = (payload: Uint8Array) => header(kinds.hello, 0, payload)
const rpc = (payload: Uint8Array) => header(kinds.rpc, 9, payload)
const nested = (depth: number) => new Uint8Array(depth).fill(0x91)
const ascii = (text: string) => Buffer.from(text, "latin1")
const mapOf = (key: string) =>
  Buffer.concat([Uint8Array.of(0x81, 0xa0 | key.length), ascii(key), Uint8Array.of(0)])

describe("values that are refused before they are unpacked", () => {
  const lax = new Packr({ moreTypes: true, structuredClone: true })
  const values: readonly (readonly [string, Uint8Array])[] = [
    ["N4 array32 of 2^32 - 1", Uint8Array.of(0xdd, 255, 255, 255, 255)],
    ["N4 map32 of 2^32 - 1", Uint8Array.of(0xdf, 255, 255, 255, 255)],
    ["N4 str32 of 2^32 - 1", Uint8Array.of(0xdb, 255, 255, 255, 255)],
    ["N4 ext32 of 2^32 - 1", Uint8Array.of(0xc9, 255, 255, 255, 255, 1)],
    ["N5 nesting of 4,000", nested(4000)],
    ["N6 a key __proto__", mapOf("__proto__")],
    ["N6 a key constructor", mapOf("constructor")],
    ["N6 a key prototype", mapOf("prototype")],
    ["N7 a record", lax.pack({ min: 1, max: 1 })],
    ["N7 an Error", lax.pack(new Error("x"))],
    ["N8 an int64 beyond 2^53", Buffer.from("82a36d696ecf7fffffffffffffffa36d617801", "hex")],
    ["N8 invalid UTF-8", Uint8Array.of(0x81, 0xa2, 0xc3, 0x28, 1)],
    ["N8 a lone surrogate", Uint8Array.of(0x81, 0xa3, 0xed, 0xa0, 0x80, 1)],
    ["N8 a key twice", Buffer.from("83a36d696e01a36d696e01a36d617801", "hex")],
    ["N8 trailing bytes", Buffer.concat([packValue({ min: 1, max: 1 }), Uint8Array.of(0)])],
    ["N8 a key that is no string", Uint8Array.of(0x81, 1, 1)],
    ["N8 nothing", new Uint8Array(0)],
  ]

  it.each(values)("%s in a hello closes the connection", async (_, payload) => {
    const { port } = await setup()
    const client = new RawClient(port)
    client.bytes(hello(payload))
    expect((await client.refusal())._tag).toBe("ProtocolError")
  })

  it.each(values)("%s in an rpc call is refused, the connection serves on", async (_, payload) => {
    const { port } = await setup()
    const client = await RawClient.open(port)
    client.bytes(rpc(payload))
    const { correlation, error } = await client.error()
    expect([correlation, error._tag]).toEqual([9, "ProtocolError"])
    expect(await client.ping()).toBe(true)
  })

  it("N5 nesting of 200,000 in an rpc call", async () => {
    const { port } = await setup()
    const client = await RawClient.open(port)
    client.bytes(rpc(nested(200_000)))
    expect((await client.error()).error.detail).toContain("nested deeper than 32")
    expect(await client.ping()).toBe(true)
  })

  it("N8 numbers that are none, fields and calls that are unknown", async () => {
    const { port } = await setup()
    const client = await RawClient.open(port)
    const payloads = [
      { call: "declare", payload: { name: "q", policy: { leaseMs: "1" } } },
      { call: "declare", payload: { name: "q", colour: "red" } },
      { call: "declare", payload: {} },
      { call: "list", payload: { rowsMax: Number.NaN } },
      { call: "list", payload: { rowsMax: 1.5 } },
      { call: "peek", payload: { name: "q", from: Number.POSITIVE_INFINITY } },
      { call: "drop everything", payload: {} },
      { call: "declare" },
      { call: "declare", payload: { name: "q" }, more: true },
    ]
    for (const payload of payloads) {
      client.bytes(rpc(packValue(payload)))
      expect((await client.error()).error._tag).toBe("ProtocolError")
    }
    expect(await client.ping()).toBe(true)
  })

  it("N8 an unknown kind, and kinds that only a node sends", async () => {
    const { port } = await setup()
    for (const kind of [0, 8, 15, 28, 255, kinds.welcome, kinds.pong, kinds.published, kinds.ok]) {
      const client = await RawClient.open(port)
      client.bytes(header(kind, 1))
      expect((await client.refusal())._tag).toBe("ProtocolError")
    }
  })

  it("N8 an unknown version in any envelope", async () => {
    const { port } = await setup()
    const [first] = encodeHello({ min: 1, max: 1 })
    for (const version of [0, 2, 255]) {
      const client = new RawClient(port)
      const bytes = first.slice()
      bytes[4] = version
      client.bytes(bytes)
      expect((await client.refusal())._tag).toBe("VersionUnsupported")
    }
    const client = await RawClient.open(port)
    const ping = header(kinds.ping, 1)
    ping[4] = 2
    client.bytes(ping)
    expect((await client.refusal())._tag).toBe("VersionUnsupported")
  })

  it("N8 data payloads that are short, long or out of range close the connection", async () => {
    const { port } = await setup()
    const good: readonly Parts[] = [
      encodeFetch(1, fetchOf()),
      encodeSettle(1, { ...fetchOf(), settles: [] }),
      encodeOpenSession(1, { session: "0".repeat(32), leaseMs: 5000 }),
      encodeCloseSession(1, "0".repeat(32)),
    ]
    for (const [bytes] of good) {
      for (const payload of [
        bytes.subarray(10, -1),
        Buffer.concat([bytes.subarray(10), Uint8Array.of(0)]),
      ]) {
        const client = await RawClient.open(port)
        client.bytes(header(bytes[5], 1, payload))
        expect((await client.refusal())._tag).toBe("ProtocolError")
      }
    }
  })

  it("N8 a frame that lies is refused for itself, the connection serves on", async () => {
    const { port } = await setup()
    const client = await RawClient.open(port)
    const frame = frameOf(3, 10)
    const lies: readonly (readonly [number, readonly number[]])[] = [
      [0, [9]],
      [1, [64]],
      [2, [0, 0]],
      [4, [255, 255, 255, 255]],
      [8, [255, 255, 255, 255]],
      [12, [1]],
      [16, [255, 255, 255, 127]],
    ]
    for (const [at, values] of lies) {
      const bad = frame.slice()
      bad.set(values, at)
      client.send(encodePublish(5, publishOf(bad)))
      const { correlation, error } = await client.error()
      expect([correlation, error._tag]).toEqual([5, "FrameInvalid"])
    }
    expect(await client.ping()).toBe(true)
  })
})

describe("N9 order of the handshake", () => {
  it("N9 a command before hello", async () => {
    const { port, fabric } = await setup({ token: "t" })
    for (const parts of [encodePublish(1, publishOf(frameOf(1, 1))), encodeEnvelope("ping", 1)]) {
      const client = new RawClient(port)
      client.send(parts)
      expect((await client.refusal())._tag).toBe("ProtocolError")
    }
    expect(fabric.publishes.length).toBe(0)
  })

  it("N9 a command in the same packet as a hello with a wrong token is not run", async () => {
    const { port, fabric } = await setup({ token: "t" })
    const client = new RawClient(port)
    const [bytes] = encodeHello({ min: 1, max: 1, token: "wrong" })
    client.bytes(Buffer.concat([bytes, ...encodePublish(1, publishOf(frameOf(1, 1)))]))
    expect((await client.refusal())._tag).toBe("Unauthorized")
    expect(fabric.publishes.length).toBe(0)
  })

  it("N9 a second hello, with the same or another token", async () => {
    const { port } = await setup({ token: "t" })
    for (const token of ["t", "other"]) {
      const client = await RawClient.open(port, "t")
      client.send(encodeHello({ min: 1, max: 1, token }))
      expect(await client.refusal()).toMatchObject({ detail: "a second hello" })
    }
  })

  it("N9 a hello with a correlation", async () => {
    const { port } = await setup()
    const client = new RawClient(port)
    client.bytes(header(kinds.hello, 5, packValue({ min: 1, max: 1 })))
    expect((await client.refusal())._tag).toBe("ProtocolError")
  })
})

describe("N10 correlations and counts", () => {
  it("N10 a correlation that is still in use, and correlation 0", async () => {
    const { port, fabric } = await setup()
    const reuse = await RawClient.open(port)
    reuse.send(encodeFetch(7, fetchOf()))
    reuse.send(encodeFetch(7, fetchOf({ fetchNumber: 2 })))
    expect(await reuse.refusal()).toMatchObject({ detail: "correlation 7 is still in use" })
    expect(fabric.cancelled).toBe(1)
    const zero = await RawClient.open(port)
    zero.send(encodeFetch(0, fetchOf()))
    expect((await zero.refusal())._tag).toBe("ProtocolError")
  })

  it("N10 a fetch of 0, -1 or 2^32 - 1 messages is refused, nothing is fetched", async () => {
    const { port, fabric } = await setup()
    const client = await RawClient.open(port)
    for (const messagesMax of [0, -1, 0xffff_ffff]) {
      client.send(encodeFetch(1, fetchOf({ messagesMax })))
      expect(await client.error()).toMatchObject({
        correlation: 1,
        error: { _tag: "LimitExceeded", data: { limit: "fetchMessagesMax" } },
      })
    }
    expect(fabric.fetches.length).toBe(0)
    expect(await client.ping()).toBe(true)
  })

  it("N10 settles of the future reach the fabric as they are, malformed ones never", async () => {
    const { port, fabric } = await setup()
    const client = await RawClient.open(port)
    const foreign = [
      { outcome: "ack" as const, epoch: 2 ** 40, attempt: 9, ranges: [2 ** 50, 2 ** 50] },
    ]
    client.send(encodeSettle(1, { ...fetchOf(), settles: foreign }))
    expect(await client.next()).toMatchObject({ kind: "settled" })
    expect(fabric.settles[0].settles).toEqual(foreign)
    const backwards = [{ outcome: "ack" as const, epoch: 1, attempt: 0, ranges: [5, 4] }]
    client.send(encodeSettle(2, { ...fetchOf(), settles: backwards }))
    expect((await client.refusal())._tag).toBe("ProtocolError")
    expect(fabric.settles.length).toBe(1)
  })
})

describe("N11 too many, too long, too odd", () => {
  it("N11 sessions of one connection", async () => {
    const { port, fabric } = await setup({ limits: { sessionsPerConnectionMax: 3 } })
    const client = await RawClient.open(port)
    const session = (i: number) => String(i).padStart(32, "0")
    const openSession = async (i: number) => {
      client.send(encodeOpenSession(i, { session: session(i), leaseMs: 5000 }))
      return (await client.next())?.kind
    }
    expect([await openSession(1), await openSession(2), await openSession(3)]).toEqual([
      "ok",
      "ok",
      "ok",
    ])
    expect(await openSession(4)).toBe("error")
    // Renewing one that is open, and one in the place of another, is no more than before.
    expect(await openSession(3)).toBe("ok")
    client.send(encodeCloseSession(9, session(1)))
    await client.next()
    expect(await openSession(4)).toBe("ok")
    expect(fabric.sessions.size).toBe(3)
  })

  it.each([
    ["of 64 KB", "x".repeat(65_536)],
    ["with /", "a/b"],
    ["..", ".."],
    ["with NUL", "a\0b"],
    ["with a newline", "a\nb"],
    ["with ESC", "a\x1b[31mb"],
    ["with an RTL override", "a\u202eb"],
    ["empty", ""],
  ])("N11 a queue name %s: a typed error that is safe to print", async (_, name) => {
    const { port } = await setup()
    const client = await RawClient.open(port)
    client.bytes(rpc(encodeRpcCall({ call: "declare", payload: { name } })))
    const { error } = await client.error()
    expect(error._tag).toBe("QueueNameInvalid")
    expect(error.message).toMatch(/^[ -~]+$/)
  })

  it("N11 client names are told as they are only within bounds", async () => {
    const { port } = await setup()
    const client = new RawClient(port)
    client.send(encodeHello({ min: 1, max: 1, client: "x".repeat(257) }))
    expect((await client.refusal())._tag).toBe("ProtocolError")
  })

  it("N11 connections come and go without a trace", async () => {
    const { port, server, bystander } = await setup()
    for (let i = 0; i < 300; i++) {
      const client = new RawClient(port)
      if (i % 3 === 0) client.bytes("junk")
      if (i % 3 === 1) client.send(encodeHello({ min: 1, max: 1 }))
      await new Promise<void>((resolve) => client.socket.once("connect", () => resolve()))
      await client.end()
    }
    await bystander.until(() => server.counters().connections === 1)
    expect(server.counters().connectionsTotal).toBe(301)
  })
})

describe("N12 compression", () => {
  it("N12 there is none to bomb: compressed payloads are malformed, never inflated", async () => {
    const { port } = await setup()
    const bomb = gzipSync(new Uint8Array(8 * 1024 * 1024))
    const client = await RawClient.open(port)
    client.bytes(rpc(bomb))
    expect((await client.error()).error._tag).toBe("ProtocolError")
    client.send(encodePublish(1, publishOf(bomb)))
    expect((await client.error()).error._tag).toBe("FrameInvalid")
    const first = new RawClient(port)
    first.bytes(hello(gzipSync(packValue({ min: 1, max: 1 }))))
    expect((await first.refusal())._tag).toBe("ProtocolError")
  })
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
