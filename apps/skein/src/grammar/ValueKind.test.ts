import { FastCheck } from "effect"
import { describe, expect, it } from "vitest"
import { parseValue, showBytes, showDuration, type ValueKind } from "./ValueKind.js"

const port: ValueKind = { kind: "integer", min: 0, max: 65_535 }
const lease: ValueKind = { kind: "duration", minMs: 1_000, maxMs: 43_200_000 }
const size: ValueKind = { kind: "bytes", min: 1, max: 8 * 1024 ** 2 }

const problem = (kind: ValueKind, text: string): string => {
  const parsed = parseValue(kind, text)
  return "problem" in parsed ? parsed.problem : `taken as ${String(parsed.value)}`
}

describe("parseValue", () => {
  it.each([
    [port, "65536", 'is "65536": it takes a whole number from 0 to 65535'],
    [port, "-1", 'is "-1": it takes a whole number from 0 to 65535'],
    [port, "NaN", 'is "NaN": it takes a whole number from 0 to 65535'],
    [port, "0x10", 'is "0x10": it takes a whole number from 0 to 65535'],
    [port, "1e3", 'is "1e3": it takes a whole number from 0 to 65535'],
    [port, "4117.5", 'is "4117.5": it takes a whole number from 0 to 65535'],
    [port, "", "is empty: it takes a whole number from 0 to 65535"],
    [lease, "30", 'is "30", without a unit: write 30s or 500ms'],
    [lease, "30 sec", 'is "30 sec": the unit is one of ms, s, m, h, d'],
    [lease, "30MiB", 'is "30MiB": the unit is one of ms, s, m, h, d'],
    [lease, "1ms", 'is "1ms": it lies from 1s to 12h'],
    [lease, "NaN", 'is "NaN": it takes a number with a unit, such as 30s or 500ms'],
    [lease, "Infinity", 'is "Infinity": it takes a number with a unit, such as 30s or 500ms'],
    [size, "9MiB", 'is "9MiB": it lies from 1B to 8MiB'],
    [size, "1MB", 'is "1MB": the unit is one of B, KiB, MiB, GiB, TiB'],
    [size, "0.5B", 'is "0.5B": not a whole number'],
    [
      { kind: "choice", choices: ["table", "json"] },
      "xml",
      'is "xml": it takes one of table, json',
    ],
    [
      { kind: "address" },
      "localhost",
      'is "localhost": it takes an address such as 127.0.0.1:4117',
    ],
    [{ kind: "address" }, "h:0", 'is "h:0": it takes an address such as 127.0.0.1:4117'],
    [{ kind: "pair" }, "x", 'is "x": it takes NAME=VALUE'],
    [{ kind: "switch" }, "yes", 'is "yes": it takes true or false'],
    [{ kind: "text", placeholder: "X" }, "a\0b", "holds a NUL character"],
  ] as const)("C1: %o refuses %j", (kind, text, expected) => {
    expect(problem(kind, text)).toBe(expected)
  })

  it.each([
    [lease, "30s", 30_000],
    [lease, "1.5h", 5_400_000],
    [lease, "2000ms", 2_000],
    [size, "1MiB", 1_048_576],
    [size, "0.5KiB", 512],
    [port, "0", 0],
    [{ kind: "address" }, "[::1]:4117", "[::1]:4117"],
    [{ kind: "pair" }, "a=b=c", "a=b=c"],
  ] as const)("%o takes %j", (kind, text, value) => {
    expect(parseValue(kind, text)).toEqual({ value })
  })

  it("reads back what it shows", () => {
    const ms = FastCheck.integer({ min: 1_000, max: 43_200_000 })
    FastCheck.assert(
      FastCheck.property(ms, (value) => {
        expect(parseValue(lease, showDuration(value))).toEqual({ value })
        const bytes = Math.min(value, 8 * 1024 ** 2)
        expect(parseValue(size, showBytes(bytes))).toEqual({ value: bytes })
      }),
    )
  })

  it("C1: never throws, whatever the text", () => {
    const kinds = FastCheck.constantFrom<ValueKind>(port, lease, size, { kind: "address" })
    FastCheck.assert(
      FastCheck.property(kinds, FastCheck.string({ unit: "binary" }), (kind, text) => {
        const parsed = parseValue(kind, text)
        if ("problem" in parsed) expect(parsed.problem.length).toBeLessThan(400)
      }),
    )
  })
})
