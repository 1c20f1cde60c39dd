import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { Sampler, zipfShares } from "./Zipf.js"

describe("zipfShares", () => {
  it("sum to 1 and fall as the law says", () => {
    const exponents = fc.double({ min: 0, max: 3, noNaN: true })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), exponents, (count, exponent) => {
        const shares = zipfShares(count, exponent)
        expect(shares).toHaveLength(count)
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1)
        for (const [index, share] of shares.entries()) {
          expect(share * (index + 1) ** exponent).toBeCloseTo(shares[0]!)
        }
      }),
    )
  })

  it("gives the first of 200 queues a sixth of the load", () => {
    expect(zipfShares(200, 1)[0]).toBeCloseTo(0.17, 2)
  })
})

describe("Sampler", () => {
  it("draws every index as often as its share says", () => {
    const shares = zipfShares(20, 1)
    const sampler = new Sampler(shares, 7)
    const drawn = shares.map(() => 0)
    const draws = 200_000
    for (let count = 0; count < draws; count++) drawn[sampler.next()]!++
    for (const [index, share] of shares.entries()) {
      const deviation = Math.sqrt(draws * share * (1 - share))
      expect(Math.abs(drawn[index]! - draws * share)).toBeLessThan(5 * deviation)
    }
  })

  it("repeats itself with its seed, and never draws what has no share", () => {
    const draw = (seed: number): readonly number[] => {
      const sampler = new Sampler([0, 0.5, 0, 0.5], seed)
      return Array.from({ length: 100 }, () => sampler.next())
    }
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        expect(draw(seed)).toEqual(draw(seed))
        expect(draw(seed).every((index) => index === 1 || index === 3)).toBe(true)
      }),
    )
    expect(draw(1)).not.toEqual(draw(2))
  })
})
