import { FastCheck as fc } from "effect"
import { expect, it } from "vitest"
import * as Bits from "./bits.js"

const lanesOf = (word: number): number[] =>
  Array.from({ length: 8 }, (_, lane) => (word >>> (lane * 4)) & 15)

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

it("selects, counts and finds lanes as one by one", () => {
  fc.assert(
    fc.property(word, (bits) => {
      const lanes = lanesOf(bits)
      const picked = (select: Bits.Select): number[] => lanesOf(select(bits))
      expect(picked(Bits.readyLanes)).toEqual(lanes.map((lane) => Number((lane & 3) === 1)))
      expect(picked(Bits.leasedLanes)).toEqual(lanes.map((lane) => Number((lane & 3) === 2)))
      expect(picked(Bits.unsettledLanes)).toEqual(lanes.map((lane) => Number((lane & 3) !== 0)))
      expect(picked(Bits.flaggedLanes)).toEqual(lanes.map((lane) => (lane >> 2) & 1))
      expect(picked(Bits.openLanes)).toEqual(lanes.map((lane) => lane >> 3))
      const unsettled = Bits.unsettledLanes(bits)
      expect(Bits.countLanes(unsettled)).toBe(lanes.filter((lane) => (lane & 3) !== 0).length)
      expect(lanesOf(Bits.wholeLanes(unsettled))).toEqual(
        lanes.map((lane) => ((lane & 3) !== 0 ? 15 : 0)),
      )
      if (unsettled !== 0) {
        expect(Bits.firstLane(unsettled)).toBe(lanes.findIndex((lane) => (lane & 3) !== 0))
      }
    }),
  )
})

it("masks the lanes of a range", () => {
  fc.assert(
    fc.property(fc.nat(3), fc.nat(31), fc.nat(31), (at, a, b) => {
      const first = Math.min(a, b)
      const last = Math.max(a, b)
      if (first >>> 3 > at || last >>> 3 < at) return
      const expected = Array.from({ length: 8 }, (_, lane) =>
        at * 8 + lane >= first && at * 8 + lane <= last ? 15 : 0,
      )
      expect(lanesOf(Bits.laneMask(at, first, last))).toEqual(expected)
    }),
  )
})
