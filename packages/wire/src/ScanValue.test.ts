import { limits } from "@skein/model"
import { FastCheck as fc } from "effect"
import { Packr } from "msgpackr"
import { describe, expect, it } from "vitest"
import { scanValue } from "./ScanValue.js"
import { decodeControl, packValue, unpackValue } from "./Values.js"

const bytes = (...values: number[]) => Uint8Array.from(values)
const strict = (value: Uint8Array) => scanValue(value, { strict: true })
const text = (value: string) => [...new TextEncoder().encode(value)]
const map = (key: string, value: number) => [0x81, 0xa0 | key.length, ...text(key), value]

const key = fc
  .string({ maxLength: 12 })
  .filter((name) => !["__proto__", "constructor", "prototype"].includes(name))
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.string({ maxLength: 80 }),
    fc.fullUnicodeString({ maxLength: 20 }),
    fc.uint8Array({ maxLength: 80 }).map((value) => Uint8Array.from(value)),
    fc.array(tie("tree"), { maxLength: 20 }),
    fc.dictionary(key, tie("tree"), { maxKeys: 20 }),
  ),
}))

describe("values that are safe", () => {
  it("pass, and come back as they were", () => {
    fc.assert(
      fc.property(tree, (value) => {
        const packed = packValue(value)
        expect(strict(packed)).toBeUndefined()
        expect(unpackValue(packed)).toEqual(normal(value))
      }),
      { numRuns: 500 },
    )
  })

  it("cut anywhere or followed by a byte, they are refused", () => {
    fc.assert(
      fc.property(tree, (value) => {
        const packed = packValue(value)
        for (let length = 0; length < packed.length; length++) {
          expect(scanValue(packed.subarray(0, length))).toBeDefined()
        }
        expect(scanValue(bytes(...packed, 0xc0))).toBe("bytes follow the value")
      }),
      { numRuns: 50 },
    )
  })

  it("random bytes are refused, or unpacked without a fault", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (random) => {
        if (scanValue(random) === undefined) unpackValue(random)
      }),
      { numRuns: 5000 },
    )
  })

  it("every head of every width is known", () => {
    const packr = new Packr({ useRecords: false, variableMapSize: true })
    for (const count of [0, 15, 16, 255, 256, 65_535, 65_536]) {
      const values = [
        "x".repeat(count),
        new Uint8Array(count),
        new Array(count).fill(1),
        Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i])),
      ]
      for (const value of values) expect(scanValue(packr.pack(value))).toBeUndefined()
    }
  })
})

// Bytes come as Buffer in Node, and -0 travels as the integer 0.
const normal = (value: unknown): unknown => {
  if (value === 0) return 0
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (Array.isArray(value)) return value.map(normal)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, normal(inner)]))
}

describe("N4 huge counts and no data", () => {
  it.each([
    ["array32", [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ["map32", [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ["str32", [0xdb, 0xff, 0xff, 0xff, 0xff]],
    ["bin32", [0xc6, 0xff, 0xff, 0xff, 0xff]],
    ["ext32", [0xc9, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ["array16", [0xdc, 0xff, 0xff, 0x01]],
    ["map16", [0xde, 0x00, 0x02, 0xa1, 0x61, 0x01]],
    ["str8", [0xd9, 0x05, 0x61]],
    ["half a count", [0xdd, 0xff]],
  ])("%s is refused", (_, value) => {
    expect(scanValue(bytes(...value))).toBeDefined()
  })
})

describe("N5 nesting", () => {
  const nested = (depth: number) => {
    const value = new Uint8Array(depth + 1).fill(0x91)
    value[depth] = 0xc0
    return value
  }
  it("is taken up to the limit and refused beyond, however deep, without recursion", () => {
    expect(scanValue(nested(limits.msgpackDepthMax))).toBeUndefined()
    expect(scanValue(nested(limits.msgpackDepthMax + 1))).toBe("nested deeper than 32")
    expect(scanValue(nested(200_000))).toBe("nested deeper than 32")
    expect(scanValue(nested(8_000_000))).toBe("nested deeper than 32")
  })
})

describe("N6 keys that name a prototype", () => {
  it.each(["__proto__", "constructor", "prototype"])("%s is refused at any depth", (name) => {
    expect(scanValue(bytes(...map(name, 0xc0)))).toBe("a key names a prototype")
    expect(scanValue(bytes(0x91, ...map(name, 0xc0)))).toBe("a key names a prototype")
    // As a string that is no key it is harmless.
    expect(scanValue(packValue([name, { a: name }]))).toBeUndefined()
  })

  it("a key in another width is the same key", () => {
    expect(scanValue(bytes(0x81, 0xd9, 9, ...text("__proto__"), 1))).toBe("a key names a prototype")
    expect(scanValue(bytes(0x81, 0xda, 0, 9, ...text("__proto__"), 1))).toBe(
      "a key names a prototype",
    )
  })

  it("keys that are not strings are refused", () => {
    expect(scanValue(bytes(0x81, 0x01, 0x01))).toBe("a map's key is not a string")
    expect(scanValue(bytes(0x81, 0x90, 0x01))).toBe("a map's key is not a string")
  })
})

describe("N7 extensions of msgpackr", () => {
  it("a record, an error, a date, a set and undefined are refused", () => {
    const lax = new Packr({ moreTypes: true, structuredClone: true })
    const values = [{ a: 1 }, new Error("x"), new Date(0), new Set([1]), /x/, undefined]
    for (const value of values) {
      expect(scanValue(lax.pack(value))).toBe("extension types are not taken")
    }
  })

  it("is never written by this side", () => {
    expect(scanValue(packValue({ a: undefined, b: [{ a: 1 }, { a: 2 }] }))).toBeUndefined()
    expect(packValue([{ a: 1 }, { a: 2 }])).toEqual(Buffer.from("9281a16101" + "81a16102", "hex"))
  })
})

describe("N8 values of a control message", () => {
  it("integers beyond 2^53, invalid UTF-8, repeated keys, trailing bytes", () => {
    expect(strict(bytes(0xcf, 0, 0x20, 0, 0, 0, 0, 0, 0))).toBe("an integer lies beyond 2^53")
    expect(strict(bytes(0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0))).toBe("an integer lies beyond 2^53")
    expect(strict(bytes(0xcf, 0, 0x1f, 255, 255, 255, 255, 255, 255))).toBeUndefined()
    expect(strict(bytes(0xa2, 0xc3, 0x28))).toBe("a string is not UTF-8")
    expect(strict(bytes(0xa3, 0xed, 0xa0, 0x80))).toBe("a string is not UTF-8")
    expect(strict(bytes(0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2))).toBe("a key is repeated")
    expect(strict(bytes(0x82, 0xa1, 0x61, 1, 0xd9, 1, 0x61, 2))).toBe("a key is repeated")
    expect(strict(bytes(0xc1))).toBe("0xc1 is no msgpack")
    expect(strict(bytes())).toBe("the value is cut short")
    expect(strict(bytes(1, 1))).toBe("bytes follow the value")
  })

  it("the same keys in neighbouring maps are no repeat", () => {
    expect(strict(packValue([{ a: 1, b: { a: 2 } }, { a: 3 }]))).toBeUndefined()
  })

  it("a refusal leaves nothing behind for the next scan", () => {
    strict(bytes(0x82, 0xa1, 0x61, 1))
    expect(strict(packValue({ a: 1 }))).toBeUndefined()
  })

  it("is refused as a whole with ProtocolError", () => {
    expect(decodeControl(bytes(0xc1))).toMatchObject({ _tag: "ProtocolError" })
    expect(decodeControl(packValue({ a: 1 }))).toEqual({ value: { a: 1 } })
  })

  it("in a body, 64-bit integers come as bigint when they are no safe number", () => {
    expect(scanValue(bytes(0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0))).toBeUndefined()
    expect(unpackValue(bytes(0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0))).toBe(2n ** 63n)
    expect(unpackValue(bytes(0xcf, 0, 0, 0, 1, 0, 0, 0, 0))).toBe(2 ** 32)
  })
})
