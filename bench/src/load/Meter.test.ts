import { describe, expect, it } from "vitest"
import { bodyMaker, stampOf } from "./body.js"
import { Meter } from "./Meter.js"

describe("Meter", () => {
  it("cuts laps that do not share counts or samples", () => {
    const clock = { ms: 0 }
    let cpu = 1
    const meter = new Meter(
      () => clock.ms,
      () => cpu,
    )
    clock.ms = 500
    meter.confirmed(0, 10)
    cpu = 3
    const first = meter.cut()
    expect(first).toMatchObject({ seconds: 0.5, published: 10, consumed: 0, cpuSeconds: 2 })
    clock.ms = 1500
    meter.arrived([bodyMaker(16)(1400)])
    const second = meter.cut()
    expect(second).toMatchObject({ seconds: 1, published: 0, consumed: 1, cpuSeconds: 0 })
    expect(second.publish.count).toBe(0)
    expect(second.endToEnd.percentiles()!.max).toBe(100)
  })

  it("records every message of a delivery with mixed stamps", () => {
    const meter = new Meter(
      () => 100,
      () => null,
    )
    const make = bodyMaker(32)
    meter.arrived([make(90), make(90), make(50), make(90)])
    const { endToEnd, cpuSeconds } = meter.cut()
    expect(endToEnd.count).toBe(4)
    expect(endToEnd.percentiles()!.p50).toBeCloseTo(10, 1)
    expect(endToEnd.percentiles()!.max).toBe(50)
    expect(cpuSeconds).toBeNull()
  })
})

describe("body", () => {
  it("carries its stamp at any offset of a buffer", () => {
    const body = bodyMaker(64)(1234.5678)
    expect(body).toHaveLength(64)
    const moved = Buffer.concat([Buffer.from("xyz"), body]).subarray(3)
    expect(stampOf(moved)).toBe(1234.5678)
    expect(stampOf(new Uint8Array(body))).toBe(1234.5678)
  })
})
