import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { median, ratio } from "./median.js"

describe("median", () => {
  it("is the middle value, or the mean of the two middle ones", () => {
    expect(median([5, 1, 9])).toBe(5)
    expect(median([4, 1, 2, 100])).toBe(3)
    expect(median([])).toBeNaN()
  })

  it("has as many values below as above, whatever the order", () => {
    const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1 })
    fc.assert(
      fc.property(values, (all) => {
        const middle = median(all)
        const below = all.filter((value) => value < middle).length
        const above = all.filter((value) => value > middle).length
        expect(Math.max(below, above)).toBeLessThanOrEqual(all.length / 2)
        expect(median([...all].reverse())).toBe(middle)
      }),
    )
  })
})

describe("ratio", () => {
  it("is null when one side says nothing", () => {
    expect(ratio(6, 3)).toBe(2)
    expect(ratio(6, 0)).toBeNull()
    expect(ratio(null, 3)).toBeNull()
    expect(ratio(6, null)).toBeNull()
    expect(ratio(Number.NaN, 3)).toBeNull()
  })
})
