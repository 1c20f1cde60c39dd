import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { Samples } from "./Samples.js"
import { percentileOf, Timeline } from "./Timeline.js"

const columnsOf = (rows: readonly (readonly [done: number, latency: number, count: number])[]) => {
  const samples = new Samples()
  for (const row of rows) samples.push(...row)
  return samples.drain()
}

describe("Timeline", () => {
  it("puts answers into buckets by when they came, and shows empty ones", () => {
    const timeline = new Timeline(1000, 500)
    const rows = [
      [1000, 4, 10],
      [1499, 8, 10],
      [2000, 2, 5],
    ] as const
    timeline.add("confirm", columnsOf(rows), true)
    timeline.add("endToEnd", columnsOf([[1100, 9, 7]]), false)
    timeline.cut(2499)
    expect(timeline.points).toEqual([
      {
        ...{ atSeconds: 0, confirmedPerSecond: 40, consumedPerSecond: 14 },
        ...{ confirmP99Ms: 8, endToEndP99Ms: null },
      },
      {
        ...{ atSeconds: 0.5, confirmedPerSecond: 0, consumedPerSecond: 0 },
        ...{ confirmP99Ms: null, endToEndP99Ms: null },
      },
    ])
    timeline.cut(2500)
    expect(timeline.points.at(-1)).toMatchObject({ atSeconds: 1, confirmedPerSecond: 10 })
  })

  it("counts every message once, however it is cut", () => {
    const rows = fc.array(fc.tuple(fc.nat(5000), fc.nat(50), fc.integer({ min: 1, max: 9 })))
    fc.assert(
      fc.property(rows, fc.nat(5000), (all, cutMs) => {
        const sorted = [...all].sort(([a], [b]) => a - b)
        const timeline = new Timeline(0, 100)
        timeline.add("confirm", columnsOf(sorted.filter(([done]) => done < cutMs)), true)
        timeline.cut(cutMs)
        timeline.add("confirm", columnsOf(sorted.filter(([done]) => done >= cutMs)), true)
        timeline.cut(5100)
        const counted = timeline.points.reduce((sum, point) => sum + point.confirmedPerSecond, 0)
        expect(counted / 10).toBeCloseTo(sorted.reduce((sum, [, , count]) => sum + count, 0))
      }),
    )
  })

  it("marks what was done in seconds since the start", () => {
    const timeline = new Timeline(1000, 500)
    timeline.mark(3500, "SIGKILL n2")
    expect(timeline.marks).toEqual([{ atSeconds: 2.5, label: "SIGKILL n2" }])
  })
})

describe("percentileOf", () => {
  it("is a value that at least so many are not above", () => {
    const values = fc.array(fc.nat(1000), { minLength: 1 })
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (all, share) => {
        const value = percentileOf(all, share)!
        const below = all.filter((each) => each <= value).length
        expect(all).toContain(value)
        expect(below).toBeGreaterThanOrEqual(share * all.length - 1e-9)
      }),
    )
    expect(percentileOf([], 0.5)).toBeNull()
    expect(percentileOf([9, 1, 5], 0.5)).toBe(5)
  })
})
