import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { Latency, mergeLatencies } from "./Latency.js"

const of = (...ms: readonly number[]): Latency => {
  const latency = new Latency()
  for (const one of ms) latency.record(one)
  return latency
}

describe("Latency", () => {
  it("knows nothing before the first record", () => {
    expect(new Latency().percentiles()).toBeNull()
    expect(new Latency().curve()).toEqual([])
  })

  it("answers in milliseconds with three significant digits and an exact maximum", () => {
    const all = of(...Array.from({ length: 1000 }, (_, index) => index + 1)).percentiles()!
    expect(all.p50).toBeCloseTo(500, -1)
    expect(all.p99).toBeCloseTo(990, -1)
    expect(all.max).toBe(1000)
    expect(of(0.36).percentiles()!.p50).toBeCloseTo(0.36, 3)
  })

  it("counts a time below zero as zero", () => {
    expect(of(-3).percentiles()!.max).toBe(0)
  })

  it("merges to what one histogram of all samples would be", () => {
    const samples = fc.array(fc.double({ min: 0, max: 100_000, noNaN: true }), { minLength: 1 })
    fc.assert(
      fc.property(samples, samples, (a, b) => {
        const merged = mergeLatencies([of(...a), of(...b)])
        expect(merged.percentiles()).toEqual(of(...a, ...b).percentiles())
        expect(merged.count).toBe(a.length + b.length)
      }),
      { numRuns: 30 },
    )
  })

  it("draws a curve only as far as it has samples", () => {
    const hundred = of(...Array.from({ length: 100 }, (_, index) => index))
    expect(hundred.curve().at(-1)!.percentile).toBe(99)
    const points = hundred.curve().map(({ ms }) => ms)
    expect(points).toEqual([...points].sort((a, b) => a - b))
  })
})
