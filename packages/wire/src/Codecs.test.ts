import { encodeError, isSkeinError, limits, outcomes, SkeinError, skeinError } from "@skein/model"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { envelopeHeaderBytes, kinds, type Parts } from "./Envelope.js"
import { EnvelopeReader } from "./EnvelopeReader.js"
import { decodeFetch, decodeFetched, encodeFetch, encodeFetched } from "./FetchCodec.js"
import * as Handshake from "./Handshake.js"
import { decodePublish, decodePublished, encodePublish, encodePublished } from "./PublishCodec.js"
import { decodeRpcCall, encodeRpcCall } from "./RpcPayload.js"
import * as SessionCodec from "./SessionCodec.js"
import { decodeSettle, decodeSettled, encodeSettle, encodeSettled } from "./SettleCodec.js"
import { packValue } from "./Values.js"

/** Sends `parts` through a reader, so that length, kind and correlation are checked too. */
const payloadOf = (parts: Parts, kind: number, correlation: number): Uint8Array => {
  const reader = new EnvelopeReader()
  const payloads: Uint8Array[] = []
  for (const part of parts) {
    const problem = reader.push(part, (gotKind, gotCorrelation, payload) => {
      expect([gotKind, gotCorrelation]).toEqual([kind, correlation])
      return payloads.push(payload) > 0
    })
    if (problem !== undefined) throw problem
  }
  expect(payloads.length).toBe(1)
  return payloads[0]
}

const u53 = fc.maxSafeNat()
const u32 = fc.nat(0xffff_ffff)
const hex128 = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString("hex"))
const queue = fc.record({ shard: fc.nat(limits.shardsMax - 1), generation: u53 })
const frame = fc.uint8Array({ maxLength: 300 })
const ranges = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 2 ** 40 }), fc.nat(2 ** 20)), { maxLength: 20 })
  .map((steps) => {
    const pairs: number[] = []
    let at = 0
    for (const [gap, span] of steps) {
      pairs.push(at + gap, at + gap + span)
      at += gap + span
    }
    return pairs
  })
const settle = fc.record({
  outcome: fc.constantFrom(...outcomes),
  epoch: u53,
  attempt: u32,
  ranges,
})
const settles = fc.array(settle, { maxLength: 6 })
const bits = (count: number) =>
  fc.uint8Array({ minLength: Math.ceil(count / 8), maxLength: Math.ceil(count / 8) })
const run = fc
  .tuple(fc.integer({ min: 1, max: limits.frameMessagesMax }), fc.boolean())
  .chain(([span, selected]) =>
    fc
      .record({
        epoch: u53,
        attempt: u32,
        failed: u32,
        returned: u32,
        redelivered: fc.boolean(),
        first: fc.integer({ min: 1, max: 2 ** 50 }),
        frame,
        ...(selected && { selection: bits(span) }),
      })
      .map((fields) => ({ ...fields, last: fields.first + span - 1 })),
  )
const answer = fc
  .integer({ min: 1, max: 4096 })
  .chain((count) =>
    fc.record(
      { first: u53, count: fc.constant(count), duplicates: bits(count) },
      { requiredKeys: ["first", "count"] },
    ),
  )
const lease = fc.integer({ min: limits.leaseMinMs, max: limits.leaseMaxMs })

const table = [
  {
    name: "publish" as const,
    value: fc.record({ queue, producer: hex128, frameNumber: fc.integer({ min: 1 }), frame }),
    encode: encodePublish,
    decode: decodePublish,
    /** The frame is whatever follows, so no length is wrong here. */
    openEnd: true,
  },
  {
    name: "published" as const,
    value: answer,
    encode: encodePublished,
    decode: decodePublished,
    openEnd: true,
  },
  {
    name: "fetch" as const,
    value: fc.record({
      queue,
      session: hex128,
      fetchNumber: fc.integer({ min: 1 }),
      messagesMax: fc.integer({ min: 1, max: limits.fetchMessagesMax }),
      bytesMax: fc.integer({ min: 1, max: limits.fetchBytesMax }),
      waitMs: fc.nat(limits.fetchWaitMaxMs),
      settles,
    }),
    encode: encodeFetch,
    decode: decodeFetch,
  },
  {
    name: "fetched" as const,
    value: fc.array(run, { maxLength: 6 }),
    encode: encodeFetched,
    decode: decodeFetched,
  },
  {
    name: "settle" as const,
    value: fc.record({ queue, session: hex128, settles }),
    encode: encodeSettle,
    decode: decodeSettle,
  },
  {
    name: "settled" as const,
    value: fc.array(ranges, { maxLength: 6 }),
    encode: encodeSettled,
    decode: decodeSettled,
  },
  {
    name: "extend" as const,
    value: fc.record(
      { queue, session: hex128, epoch: u53, ranges, leaseMs: lease },
      { requiredKeys: ["queue", "session", "epoch", "ranges"] },
    ),
    encode: SessionCodec.encodeExtend,
    decode: SessionCodec.decodeExtend,
  },
  {
    name: "extended" as const,
    value: ranges,
    encode: SessionCodec.encodeExtended,
    decode: SessionCodec.decodeExtended,
  },
  {
    name: "openSession" as const,
    value: fc.record({ session: hex128, leaseMs: lease }),
    encode: SessionCodec.encodeOpenSession,
    decode: SessionCodec.decodeOpenSession,
  },
]

interface Row {
  readonly name: keyof typeof kinds
  readonly value: fc.Arbitrary<never>
  readonly encode: (correlation: number, value: never) => Parts
  readonly decode: (payload: Uint8Array) => object
  readonly openEnd?: boolean
}

describe.each(table as unknown as readonly Row[])("$name", (row) => {
  it("comes back as it was sent", () => {
    fc.assert(
      fc.property(u32, row.value, (correlation, value) => {
        const payload = payloadOf(row.encode(correlation, value), kinds[row.name], correlation)
        expect(row.decode(payload)).toEqual(value)
      }),
    )
  })

  it("cut short, it is a ProtocolError", () => {
    fc.assert(
      fc.property(row.value, fc.nat(), (value, cut) => {
        const payload = payloadOf(row.encode(1, value), kinds[row.name], 1)
        const shorter = payload.subarray(0, cut % payload.length)
        const decoded = row.decode(shorter)
        if (row.openEnd !== true) expect(decoded).toMatchObject({ _tag: "ProtocolError" })
      }),
    )
  })

  it("with a byte more, it is a ProtocolError", () => {
    if (row.openEnd === true) return
    fc.assert(
      fc.property(row.value, (value) => {
        const payload = payloadOf(row.encode(1, value), kinds[row.name], 1)
        expect(row.decode(Uint8Array.of(...payload, 0))).toMatchObject({ _tag: "ProtocolError" })
      }),
    )
  })

  it("changed at random, it is decoded or refused, never a fault", () => {
    fc.assert(
      fc.property(row.value, fc.nat(), fc.nat(255), (value, at, byte) => {
        const payload = payloadOf(row.encode(1, value), kinds[row.name], 1)
        payload[at % payload.length] = byte
        const decoded = row.decode(payload)
        if (decoded instanceof Error) expect(isSkeinError(decoded)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})

describe("N10 bounds of requests", () => {
  const id = "0".repeat(32)
  const request = {
    queue: { shard: 1, generation: 1 },
    session: id,
    fetchNumber: 1,
    messagesMax: 1,
    bytesMax: 1,
    waitMs: 0,
    settles: [],
  }
  const tagOf = (change: object): string => {
    const [head] = encodeFetch(1, { ...request, ...change })
    const decoded = decodeFetch(head.subarray(envelopeHeaderBytes))
    return decoded instanceof SkeinError ? decoded._tag : "taken"
  }
  it("a fetch of 0, of 2^32 - 1 and of -1 messages is refused for itself alone", () => {
    expect(tagOf({})).toBe("taken")
    expect(tagOf({ messagesMax: 0 })).toBe("LimitExceeded")
    expect(tagOf({ messagesMax: 0xffff_ffff })).toBe("LimitExceeded")
    expect(tagOf({ messagesMax: -1 })).toBe("LimitExceeded")
    expect(tagOf({ messagesMax: limits.fetchMessagesMax + 1 })).toBe("LimitExceeded")
    expect(tagOf({ bytesMax: 0 })).toBe("LimitExceeded")
    expect(tagOf({ bytesMax: limits.fetchBytesMax + 1 })).toBe("LimitExceeded")
    expect(tagOf({ waitMs: limits.fetchWaitMaxMs + 1 })).toBe("LimitExceeded")
    expect(tagOf({ fetchNumber: 0 })).toBe("ProtocolError")
    expect(tagOf({ queue: { shard: limits.shardsMax, generation: 1 } })).toBe("ProtocolError")
  })

  const settled = (...ranges: number[]) =>
    tagOf({ settles: [{ outcome: "ack", epoch: 1, attempt: 0, ranges }] })
  it("ranges ascend, do not overlap, start at 1, and are not too many", () => {
    expect(settled(1, 1, 2, 3)).toBe("taken")
    expect(settled(2, 3, 1, 1)).toBe("ProtocolError")
    expect(settled(1, 2, 2, 3)).toBe("ProtocolError")
    expect(settled(0, 1)).toBe("ProtocolError")
    expect(settled(3, 2)).toBe("ProtocolError")
    expect(settled(1, 2 ** 53)).toBe("ProtocolError")
    const many = Array.from({ length: 2 * (limits.settleRangesMax + 1) }, (_, i) => i + 1)
    expect(settled(...many)).toBe("LimitExceeded")
    expect(settled(...many.slice(2))).toBe("taken")
  })

  it("settles are not too many, be they empty", () => {
    const settle = { outcome: "ack" as const, epoch: 1, attempt: 0, ranges: [] }
    const many = Array.from({ length: limits.settlesPerRequestMax + 1 }, () => settle)
    expect(tagOf({ settles: many })).toBe("LimitExceeded")
    expect(tagOf({ settles: many.slice(1) })).toBe("taken")
  })

  it("a count that cannot fit is refused before anything is built", () => {
    const [head] = encodeFetch(1, request)
    const payload = head.slice(envelopeHeaderBytes)
    payload.set([0xff, 0xff, 0xff, 0xff], payload.length - 4)
    expect(decodeFetch(payload)).toMatchObject({ _tag: "ProtocolError" })
    expect(decodeFetched(Uint8Array.of(0xff, 0xff, 0xff, 0xff))).toMatchObject({
      _tag: "ProtocolError",
    })
    expect(decodeSettled(Uint8Array.of(0xff, 0xff, 0xff, 0x7f))).toMatchObject({
      _tag: "ProtocolError",
    })
  })

  it("leases are within their bounds", () => {
    const open = (leaseMs: number) => {
      const [head] = SessionCodec.encodeOpenSession(1, { session: id, leaseMs })
      return SessionCodec.decodeOpenSession(head.subarray(envelopeHeaderBytes))
    }
    expect(open(limits.leaseMinMs)).toEqual({ session: id, leaseMs: limits.leaseMinMs })
    expect(open(0)).toMatchObject({ _tag: "LimitExceeded" })
    expect(open(limits.leaseMaxMs + 1)).toMatchObject({ _tag: "LimitExceeded" })
  })
})

describe("handshake", () => {
  const payload = ([part]: Parts) => part.subarray(envelopeHeaderBytes)

  it("hello, welcome and goaway come back as they were sent", () => {
    const hello = { min: 1, max: 3, token: "s3cret", peer: "p33r", client: "orders 1.2" }
    expect(Handshake.decodeHello(payload(Handshake.encodeHello(hello)))).toEqual(hello)
    expect(Handshake.decodeHello(payload(Handshake.encodeHello({ min: 1, max: 1 })))).toEqual({
      min: 1,
      max: 1,
    })
    const welcome = {
      version: 1,
      node: "n1",
      fabricId: "f",
      instance: "i",
      limits: Handshake.welcomeLimits,
    }
    expect(Handshake.decodeWelcome(payload(Handshake.encodeWelcome(welcome)))).toEqual(welcome)
    const goaway = { reason: "the node is shutting down" }
    expect(Handshake.decodeGoaway(payload(Handshake.encodeGoaway(goaway)))).toEqual(goaway)
  })

  it("an error comes back with tag, detail and data", () => {
    const error = skeinError("SequenceGap", "frame 7 expected", { expected: 7, queue: "orders" })
    const decoded = Handshake.decodeErrorEnvelope(payload(Handshake.encodeErrorEnvelope(3, error)))
    expect(encodeError(decoded)).toEqual(encodeError(error))
    expect(decoded.retryable).toBe(true)
  })

  it.each([
    ["no map", [1]],
    ["an unknown field", { min: 1, max: 1, user: "root" }],
    ["no versions", {}],
    ["versions the wrong way round", { min: 2, max: 1 }],
    ["a fraction", { min: 1.5, max: 2 }],
    ["NaN", { min: Number.NaN, max: 2 }],
    ["version 0", { min: 0, max: 1 }],
    ["a token that is no string", { min: 1, max: 1, token: 7 }],
    ["a peer secret that is no string", { min: 1, max: 1, peer: 7 }],
    ["a name of 300", { min: 1, max: 1, client: "x".repeat(300) }],
  ])("a hello with %s is a ProtocolError", (_, value) => {
    expect(Handshake.decodeHello(packValue(value))).toMatchObject({ _tag: "ProtocolError" })
  })

  it.each([[1], [{ tag: 1, detail: "", data: {} }], [{ tag: "X", detail: "", data: { a: [] } }]])(
    "a malformed error reads as a ProtocolError: %j",
    (value) => {
      expect(Handshake.decodeErrorEnvelope(packValue(value))._tag).toBe("ProtocolError")
    },
  )

  it("rpc calls are maps of call and payload", () => {
    const call = { call: "declare", payload: { name: "orders" } }
    expect(decodeRpcCall(encodeRpcCall(call))).toEqual(call)
    for (const value of [1, {}, { call: 1, payload: {} }, { ...call, more: 1 }]) {
      expect(decodeRpcCall(packValue(value))).toMatchObject({ _tag: "ProtocolError" })
    }
  })
})
