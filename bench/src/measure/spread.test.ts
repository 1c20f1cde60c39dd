import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { settledAtMs, spreadOf, sumsBy } from "./spread.js"

describe("spreadOf", () => {
  it("is 1 when all have the same, and at least 1", () => {
    const work = fc.array(fc.float({ min: 1, max: 1000, noNaN: true }), { minLength: 1 })
    fc.assert(
      fc.property(work, (all) => {
        expect(spreadOf(all)).toBeGreaterThanOrEqual(1)
      }),
    )
    expect(spreadOf([5, 5, 5])).toBe(1)
    expect(spreadOf([3, 6])).toBe(2)
  })

  it("is infinite when one has nothing, and 1 when nobody has", () => {
    expect(spreadOf([0, 6])).toBe(Number.POSITIVE_INFINITY)
    expect(spreadOf([0, 0])).toBe(1)
    expect(spreadOf([])).toBe(1)
  })
})

describe("sumsBy", () => {
  it("has a node without shards too", () => {
    const rows = [
      { node: "n1", load: 1 },
      { node: "n2", load: 2 },
      { node: "n1", load: 4 },
    ]
    const sums = sumsBy(
      rows,
      ["n1", "n2", "n3"],
      ({ node }) => node,
      ({ load }) => load,
    )
    expect([...sums]).toEqual([
      ["n1", 5],
      ["n2", 2],
      ["n3", 0],
    ])
  })
})

describe("settledAtMs", () => {
  const settled = (values: readonly number[]): number | null =>
    settledAtMs(
      values.map((value, atMs) => ({ atMs, value })),
      1.25,
    )

  it("is where the last run at or below begins", () => {
    expect(settled([3, 2, 1.25, 1.1])).toBe(2)
    expect(settled([1, 1, 2, 1.1])).toBe(3)
    expect(settled([1, 1, 2])).toBeNull()
    expect(settled([])).toBeNull()
  })
})
