import { FastCheck } from "effect"
import { describe, expect, it } from "vitest"
import { ShardMeter } from "./ShardMeter.js"

describe("ShardMeter", () => {
  it("tells the 99th percentile of confirms up to the next bucket, then begins anew", () => {
    const meter = new ShardMeter()
    meter.confirmed(1, 98)
    meter.confirmed(30, 1)
    meter.confirmed(900, 1)
    expect(meter.takeConfirmP99Ms()).toBe(32)
    expect(meter.takeConfirmP99Ms()).toBe(0)
    meter.confirmed(0, 1)
    expect(meter.takeConfirmP99Ms()).toBe(0.25)
  })

  it("is never below the true percentile, and at most a square root of 2 above it", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(FastCheck.double({ min: 0.25, max: 100_000, noNaN: true }), {
          minLength: 1,
          maxLength: 300,
        }),
        (times) => {
          const meter = new ShardMeter()
          for (const ms of times) meter.confirmed(ms, 1)
          const sorted = [...times].sort((a, b) => a - b)
          const exact = sorted[Math.ceil(times.length * 0.99) - 1]
          const told = meter.takeConfirmP99Ms()
          expect(told).toBeGreaterThanOrEqual(exact * (1 - 1e-9))
          expect(told).toBeLessThanOrEqual(exact * Math.SQRT2 * (1 + 1e-9))
        },
      ),
    )
  })
})
