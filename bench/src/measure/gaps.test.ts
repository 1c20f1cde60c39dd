import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { answeredAfterMs, caughtUpAfterMs, longestGapMs } from "./gaps.js"
import { type SampleColumns, Samples } from "./Samples.js"

const columnsOf = (rows: readonly (readonly [done: number, latency: number])[]): SampleColumns => {
  const samples = new Samples()
  for (const [done, latency] of rows) samples.push(done, latency, 1)
  return samples.drain()
}

describe("longestGapMs", () => {
  const gap = (times: readonly number[], from: number, to: number): number =>
    longestGapMs(Float64Array.from(times), from, to)

  it("counts a gap whole that only touches the time", () => {
    expect(gap([0, 10, 20, 90, 100], 30, 40)).toBe(70)
    expect(gap([0, 10, 20, 90, 100], 85, 95)).toBe(70)
    expect(gap([0, 10, 20, 90, 100], 0, 15)).toBe(10)
  })

  it("knows nothing before the first and after the last answer", () => {
    expect(gap([], 5, 8)).toBe(3)
    expect(gap([100], 40, 60)).toBe(60)
    expect(gap([10, 20], 15, 60)).toBe(40)
  })

  it("is the longest of all neighbours when the time covers them, and grows with the time", () => {
    const times = fc
      .array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 60 })
      .map((steps) => {
        let at = 0
        return steps.map((step) => (at += step))
      })
    fc.assert(
      fc.property(times, fc.nat(1000), fc.nat(1000), (all, one, other) => {
        const steps = all.slice(1).map((time, index) => time - all[index]!)
        expect(gap(all, all[0]!, all.at(-1)!)).toBe(Math.max(...steps))
        const [from, to] = [Math.min(one, other), Math.max(one, other)]
        expect(gap(all, from, to + 10)).toBeGreaterThanOrEqual(gap(all, from, to))
      }),
    )
  })
})

describe("answeredAfterMs", () => {
  it("passes over answers to what was due before", () => {
    const rows = columnsOf([
      [90, 1],
      [105, 10],
      [130, 20],
      [140, 1],
    ])
    expect(answeredAfterMs(rows, 100)).toBe(30)
    expect(answeredAfterMs(rows, 141)).toBeNull()
  })
})

describe("caughtUpAfterMs", () => {
  it("ends with the last late answer of the time", () => {
    const rows = columnsOf([
      [50, 500],
      [110, 300],
      [150, 10],
      [160, 300],
      [170, 10],
      [900, 300],
    ])
    expect(caughtUpAfterMs(rows, 100, 500, 200)).toBe(60)
    expect(caughtUpAfterMs(rows, 100, 500, 400)).toBe(0)
    expect(caughtUpAfterMs(rows, 100, 1000, 200)).toBe(800)
  })
})
