import { FastCheck as fc, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { Hex128, isHex128, parseShardName, shardName } from "./Ids.js"

describe("128-bit ids", () => {
  it("are 32 lower-case hexadecimal digits and nothing else", () => {
    const digits = fc.constantFrom(..."0123456789abcdef")
    fc.assert(
      fc.property(fc.string({ unit: digits, minLength: 32, maxLength: 32 }), (text) => {
        expect(isHex128(text)).toBe(true)
        expect(isHex128(text.slice(1))).toBe(false)
        expect(isHex128(`${text}0`)).toBe(false)
        expect(isHex128(`G${text.slice(1)}`)).toBe(false)
      }),
    )
    expect(isHex128("A".repeat(32))).toBe(false)
    for (const next of ["/", ":", "`", "g"]) expect(isHex128(next + "0".repeat(31))).toBe(false)
  })

  it("are checked by the schema with the reason", () => {
    expect(Schema.is(Hex128)("0".repeat(32))).toBe(true)
    expect(() => Schema.decodeUnknownSync(Hex128)("xyz")).toThrow("32 lower-case hexadecimal")
  })
})

describe("names of shards", () => {
  it("have three digits or more", () => {
    expect([0, 17, 999, 1023].map(shardName)).toEqual(["s000", "s017", "s999", "s1023"])
  })

  it("are read back", () => {
    fc.assert(
      fc.property(fc.nat(9_999), (shard) => {
        expect(parseShardName(shardName(shard))).toBe(shard)
      }),
    )
  })

  it.each(["", "s", "s17", "s0017", "017", "S017", "s01x", "s-01", "s1e1", "s 17", "s10000"])(
    "%j is none",
    (text) => expect(parseShardName(text)).toBeUndefined(),
  )

  it("nothing but what shardName writes is read", () => {
    const likely = fc.string({ unit: fc.constantFrom(..."s0123456789+-. ex"), maxLength: 7 })
    fc.assert(
      fc.property(likely, (text) => {
        const shard = parseShardName(text)
        if (shard !== undefined) expect(shardName(shard)).toBe(text)
      }),
      { numRuns: 1_000 },
    )
  })
})
