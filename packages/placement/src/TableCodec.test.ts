/** The table as bytes: what goes in comes out, and nothing else comes in. */
import { limits } from "@skein/model"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { assigned, emptyTable, type ShardTable, withDraining, withMoving } from "./ShardTable.js"
import { decodeTable, encodeTable } from "./TableCodec.js"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

const example = (): ShardTable => {
  const reason = "s001: n1, which had it, is silent since 3 ms"
  const first = assigned(emptyTable(4), [{ shard: 1, to: "n1", reason }], false)
  const second = assigned(first, [{ shard: 1, to: "n2", reason }], true)
  return withMoving(withDraining(second, ["n3"]), [{ shard: 1, to: "n4" }])
}

const errorOf = (bytes: Uint8Array, version: number, shards: number): string => {
  const decoded = decodeTable(bytes, version, shards)
  if (!(decoded instanceof Error)) throw new Error("it was taken")
  expect(decoded._tag).toBe("TableInvalid")
  return decoded.detail
}

const names = fc.string({ minLength: 1, maxLength: 12 })
const tables: fc.Arbitrary<ShardTable> = fc
  .record({
    version: fc.nat(1_000_000),
    owners: fc.array(fc.option(names, { nil: undefined }), { minLength: 1, maxLength: 20 }),
    draining: fc.array(names, { maxLength: 3 }),
    reason: fc.string({ maxLength: limits.reasonCharactersMax }),
    home: fc.option(names, { nil: undefined }),
  })
  .map(({ version, owners, draining, reason, home }) => {
    const note = home === undefined ? { reason } : { reason, home }
    const notes = owners.map((_, shard) => (shard % 2 === 0 ? note : undefined))
    return { version, owners, draining, notes, moving: [{ shard: 0, to: "x" }] }
  })

describe("the table's bytes", () => {
  it("give the same table again", () => {
    fc.assert(
      fc.property(tables, (table) => {
        const { version, owners } = table
        expect(decodeTable(encodeTable(table), version, owners.length)).toEqual(table)
      }),
    )
  })

  it("may name nodes that nobody knows: that is no error", () => {
    const table = assigned(emptyTable(2), [{ shard: 0, to: "stranger", reason: "r" }], false)
    expect(decodeTable(encodeTable(table), 1, 2)).toMatchObject({ owners: ["stranger", undefined] })
  })

  it("are refused with what is wrong", () => {
    const stored = JSON.parse(text(encodeTable(example())))
    const with_ = (change: object) => errorOf(bytesOf({ ...stored, ...change }), stored.version, 4)
    expect(errorOf(new Uint8Array([255, 254]), 1, 4)).toContain("not a JSON object")
    expect(errorOf(bytesOf([]), 1, 4)).toContain("not a JSON object")
    expect(errorOf(new Uint8Array(limits.tableBytesMax + 1), 1, 4)).toContain("too large")
    expect(errorOf(bytesOf(stored), stored.version, 64)).toContain("4 shards, this fabric has 64")
    expect(errorOf(bytesOf(stored), 99, 4)).toContain("stored as 99")
    expect(with_({ format: 2 })).toContain("format is 2")
    expect(with_({ extra: 1 })).toContain("other fields")
    expect(with_({ owners: [0, 0, 0, 9] })).toContain("an owner")
    expect(with_({ owners: [0, 0, 0, 0.5] })).toContain("an owner")
    expect(with_({ names: ["", "n"] })).toContain("names")
    expect(with_({ draining: [7] })).toContain("draining")
    expect(with_({ moving: [[4, "n1"]] })).toContain("moving names no shard")
    expect(with_({ notes: [[-1, -1, "r"]] })).toContain("notes")
    expect(with_({ notes: [[0, -1, "r".repeat(limits.reasonCharactersMax + 1)]] })).toContain("not")
  })

  it("any change of a byte gives a table of this shape or the typed error, never a throw", () => {
    const bytes = encodeTable(example())
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
        const changed = bytes.slice()
        changed[at] = value
        const decoded = decodeTable(changed, example().version, 4)
        if (decoded instanceof Error) expect(decoded._tag).toBe("TableInvalid")
        else expect(decoded.owners).toHaveLength(4)
      }),
      { numRuns: 1_000 },
    )
  })

  it("stay within the limit at the largest fabric; reasons go first", () => {
    const owners = Array.from({ length: limits.shardsMax }, (_, at) => `node-${at % 256}`)
    const reason = "ß".repeat(limits.reasonCharactersMax * 3)
    const assignments = owners.map((to, shard) => ({ shard, to, reason }))
    const table = assigned(emptyTable(limits.shardsMax), assignments, false)
    const bytes = encodeTable(table)
    expect(bytes.length).toBeLessThanOrEqual(limits.tableBytesMax)
    const long = { ...table, notes: owners.map(() => ({ reason: "ß".repeat(700) })) }
    const decoded = decodeTable(encodeTable(long), 1, limits.shardsMax)
    expect(decoded).toMatchObject({ owners })
  })
})
