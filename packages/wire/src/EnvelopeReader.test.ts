import { limits } from "@skein/model"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { encodeEnvelope, type Kind, kinds } from "./Envelope.js"
import { EnvelopeReader, firstAllocationBytesMax } from "./EnvelopeReader.js"
import { encodeHello } from "./Handshake.js"

type Taken = readonly [kind: number, correlation: number, payload: Uint8Array]

const joined = (parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts))
const envelope = (kind: Kind, correlation: number, payload?: Uint8Array) =>
  joined(encodeEnvelope(kind, correlation, payload))

/** Reads `stream` cut at the given sizes, in turn; keeps count of what was allocated. */
const readAll = (stream: Uint8Array, sizes: readonly number[], helloFirst = false) => {
  const taken: Taken[] = []
  const allocated: number[] = []
  const reader = new EnvelopeReader({
    helloFirst,
    allocate: (byteCount) => {
      allocated.push(byteCount)
      return new Uint8Array(byteCount)
    },
  })
  let at = 0
  for (let i = 0; at < stream.length; i++) {
    const size = sizes[i % sizes.length]
    const chunk = stream.slice(at, at + size)
    const problem = reader.push(chunk, (...it) => taken.push(it) > 0)
    // The reader must have copied what it needs.
    chunk.fill(0xee)
    if (problem !== undefined) return { taken, allocated, problem, reader, at: at + size }
    at += size
  }
  return { taken, allocated, problem: undefined, reader, at }
}

describe("envelope reader", () => {
  it("golden: an envelope's header", () => {
    const bytes = envelope("publish", 0x01020304, Uint8Array.of(9))
    expect(Buffer.from(bytes).toString("hex")).toBe("07000000" + "01" + "10" + "04030201" + "09")
  })

  it("gives the same envelopes however the stream is cut", () => {
    const payload = fc.uint8Array({ maxLength: 200 })
    const kind = fc.constantFrom<Kind>("publish", "fetch", "settle", "ok")
    fc.assert(
      fc.property(
        fc.array(fc.tuple(kind, fc.nat(0xffff_ffff), payload), { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 10 }),
        (sent, sizes) => {
          const stream = joined(
            sent.map(([kind, correlation, body]) => envelope(kind, correlation, body)),
          )
          const { taken, allocated, reader, problem } = readAll(stream, sizes)
          expect(problem).toBeUndefined()
          expect(taken).toEqual(
            sent.map(([kind, correlation, body]) => [kinds[kind], correlation, body]),
          )
          // One exact buffer each, nothing else.
          expect(allocated).toEqual(sent.map(([, , body]) => body.length))
          expect(reader.partialBytes).toBe(0)
        },
      ),
    )
  })

  it("fills a large envelope in place, with few copies whatever the chunks", () => {
    const payload = new Uint8Array(5 * 1024 * 1024).map((_, i) => i * 31)
    const stream = envelope("publish", 1, payload)
    for (const size of [1000, 65_536, stream.length]) {
      const { taken, allocated } = readAll(stream, [size])
      expect(taken.length).toBe(1)
      expect(Buffer.compare(taken[0][2], payload)).toBe(0)
      expect(allocated.at(-1)).toBe(payload.length)
      const sum = allocated.reduce((total, byteCount) => total + byteCount, 0)
      expect(sum).toBeLessThanOrEqual(3 * payload.length)
    }
  })

  it("an announcement alone allocates little", () => {
    const stream = envelope("publish", 1, new Uint8Array(9 * 1024 * 1024)).subarray(0, 50)
    const { allocated, reader } = readAll(stream, [50])
    expect(allocated).toEqual([firstAllocationBytesMax])
    expect(reader.partialBytes).toBeLessThanOrEqual(firstAllocationBytesMax + 10)
  })

  it.each([0, 1, 5, limits.envelopeBytesMax + 1, 2 ** 31 - 1, 2 ** 32 - 1])(
    "refuses a length of %d as soon as its four bytes are there, allocating nothing",
    (length) => {
      const stream = new Uint8Array(4)
      new DataView(stream.buffer).setUint32(0, length, true)
      const { problem, allocated, at } = readAll(stream, [1])
      expect(problem?._tag).toBe(length < 6 ? "ProtocolError" : "LimitExceeded")
      expect(at).toBe(4)
      expect(allocated).toEqual([])
    },
  )

  it("refuses an unknown version and an unknown kind at their byte", () => {
    expect(readAll(Uint8Array.of(6, 0, 0, 0, 2), [5]).problem?._tag).toBe("VersionUnsupported")
    expect(readAll(Uint8Array.of(6, 0, 0, 0, 1, 200), [6]).problem?._tag).toBe("ProtocolError")
  })

  it("a problem is final", () => {
    const { reader } = readAll(Uint8Array.of(0, 0, 0, 0), [4])
    expect(reader.push(envelope("ok", 1), () => true)?._tag).toBe("ProtocolError")
  })

  it("stops when told to, and drops the rest", () => {
    const reader = new EnvelopeReader()
    const seen: number[] = []
    const stream = joined([envelope("ok", 1), envelope("ok", 2)])
    reader.push(stream, (_, correlation) => seen.push(correlation) > 1)
    expect(seen).toEqual([1])
  })
})

describe("the first bytes of a connection", () => {
  const text = (value: string) => Uint8Array.from(Buffer.from(value, "latin1"))

  it.each([
    ["a TLS ClientHello", Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc)],
    ["an HTTP request", text("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["an HTTP/2 preface", text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
    ["an AMQP header", text("AMQP\0\0\x09\x01")],
    ["a Redis command", text("*1\r\n$4\r\nPING\r\n")],
    ["a hello that is too long", Uint8Array.of(0x01, 0x10, 0, 0, 1, 1)],
    ["a length of 0", Uint8Array.of(0, 0, 0, 0)],
  ])("refuses %s within four bytes", (_, stream) => {
    const { problem, at, allocated } = readAll(stream, [1], true)
    expect(problem?._tag).toBe("ProtocolError")
    expect(at).toBe(4)
    expect(allocated).toEqual([])
  })

  it("refuses any other envelope before hello, and takes all after it", () => {
    const before = readAll(envelope("ping", 1), [3], true)
    expect(before.problem?.detail).toBe("ping before hello")
    const hello = joined(encodeHello({ min: 1, max: 1 }))
    const large = envelope("publish", 1, new Uint8Array(8192))
    for (const size of [1, 7, 100_000]) {
      const { problem, taken } = readAll(joined([hello, large]), [size], true)
      expect(problem).toBeUndefined()
      expect(taken.map(([kind]) => kind)).toEqual([kinds.hello, kinds.publish])
    }
  })

  it("random bytes are refused or waited for, never taken", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 100 }), (stream) => {
        const { taken, allocated } = readAll(stream, [7], true)
        const bytes = allocated.reduce((total, byteCount) => total + byteCount, 0)
        expect(bytes).toBeLessThanOrEqual(limits.helloBytesMax)
        for (const [kind] of taken) expect(kind).toBe(kinds.hello)
      }),
      { numRuns: 1000 },
    )
  })
})
