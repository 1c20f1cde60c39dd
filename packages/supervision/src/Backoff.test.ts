import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { backoffFault, defaultBackoff, delayMs, noBackoff } from "./Backoff.js"

const backoffs = fc.record({
  firstMs: fc.integer({ min: 0, max: 1_000 }),
  factor: fc.double({ min: 1, max: 10, noNaN: true }),
  maxMs: fc.integer({ min: 1_000, max: 60_000 }),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
})
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

describe("Backoff", () => {
  it("doubles up to the cap", () => {
    const backoff = { firstMs: 100, factor: 2, maxMs: 500, jitter: 0.5 }
    expect([1, 2, 3, 4, 5].map((n) => delayMs(backoff, n, 0))).toEqual([100, 200, 400, 500, 500])
    expect(delayMs(backoff, 2, 0.5)).toBe(150)
    expect(delayMs(noBackoff, 2_000, 0.9)).toBe(0)
  })

  it("never exceeds the cap nor falls below the share that jitter leaves", () => {
    fc.assert(
      fc.property(backoffs, fc.integer({ min: 1, max: 5_000 }), chance, (backoff, n, random) => {
        const delay = delayMs(backoff, n, random)
        expect(delay).toBeLessThanOrEqual(backoff.maxMs)
        expect(delay).toBeGreaterThanOrEqual(backoff.firstMs * (1 - backoff.jitter) * 0.999)
        expect(delayMs(backoff, n + 1, random)).toBeGreaterThanOrEqual(delay)
      }),
    )
  })

  it("names the setting that is wrong", () => {
    expect(backoffFault(defaultBackoff)).toBeUndefined()
    expect(backoffFault(noBackoff)).toBeUndefined()
    expect(backoffFault({ ...defaultBackoff, firstMs: -1 })).toContain("firstMs")
    expect(backoffFault({ ...defaultBackoff, maxMs: 1 })).toContain("maxMs")
    expect(backoffFault({ ...defaultBackoff, maxMs: Number.POSITIVE_INFINITY })).toContain("maxMs")
    expect(backoffFault({ ...defaultBackoff, factor: Number.NaN })).toContain("factor")
    expect(backoffFault({ ...defaultBackoff, jitter: 1.1 })).toContain("jitter")
  })
})
