import { FastCheck as fc } from "effect"
import { expect, it } from "vitest"
import { Fact, hexOf, Lanes, mixNumber } from "./Lanes.js"

const sequence = fc.oneof(
  fc.nat(10_000),
  fc.maxSafeNat().map((n) => Math.min(n, 2 ** 52)),
)

it("a range weighs as much as its messages one by one, in any order", () => {
  fc.assert(
    fc.property(sequence, fc.nat(40), fc.integer({ min: -3, max: 3 }), (first, length, weight) => {
      const whole = new Lanes()
      whole.span(Fact.failed, first, first + length, weight)
      const single = new Lanes()
      for (let at = length; at >= 0; at--) single.span(Fact.failed, first + at, first + at, weight)
      expect([single.a, single.b]).toEqual([whole.a, whole.b])
      whole.span(Fact.failed, first, first + length, -weight)
      expect([whole.a, whole.b]).toEqual([0, 0])
    }),
  )
})

it("tells kinds, sequences and counts apart", () => {
  const seen = new Set<string>()
  for (const kind of Object.values(Fact)) {
    for (let at = 0; at < 500; at++) {
      for (const weight of [1, 2]) {
        const lanes = new Lanes()
        lanes.span(kind, at * 2 ** 24, at * 2 ** 24, weight)
        seen.add(hexOf(lanes.a, lanes.b))
      }
    }
  }
  expect(seen.size).toBe(Object.values(Fact).length * 500 * 2)
})

it("mixes all bits of a number", () => {
  expect(mixNumber(1, 2 ** 32)).not.toBe(mixNumber(1, 0))
  expect(mixNumber(1, 2 ** 52 + 1)).not.toBe(mixNumber(1, 1))
})
