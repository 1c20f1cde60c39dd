import { FastCheck as fc } from "effect"
import { expect, it } from "vitest"
import { countRanges, pushRange, rangesProblem, sortedRanges } from "./ranges.js"

it("sorts and merges disjoint ranges", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 60 })), (sequences) => {
      const ranges = sortedRanges(sequences.flatMap((one) => [one, one]))
      expect(rangesProblem(ranges)).toBeUndefined()
      expect(countRanges(ranges)).toBe(sequences.length)
      for (let at = 2; at < ranges.length; at += 2)
        expect(ranges[at]).toBeGreaterThan(ranges[at - 1] + 1)
      for (const one of sequences) {
        const inside = ranges.some(
          (first, at) => at % 2 === 0 && first <= one && one <= ranges[at + 1],
        )
        expect(inside).toBe(true)
      }
    }),
  )
})

it("lengthens the last range when the next one follows at once", () => {
  const ranges: number[] = []
  pushRange(ranges, 1, 2)
  pushRange(ranges, 3, 5)
  pushRange(ranges, 7, 7)
  expect(ranges).toEqual([1, 5, 7, 7])
})
