import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { firstAtOrAfter, Samples } from "./Samples.js"

const ascending = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 600 }).map((steps) => {
  let at = 0
  return steps.map((step) => (at += step))
})

const samplesOf = (times: readonly number[]): Samples => {
  const samples = new Samples()
  for (const [index, time] of times.entries()) samples.push(time, index, 1)
  return samples
}

describe("Samples", () => {
  it("keeps rows together over growth, and drains all of them", () => {
    fc.assert(
      fc.property(ascending, (times) => {
        const samples = samplesOf(times)
        const { doneMs, latencyMs, count } = samples.drain()
        expect([...doneMs]).toEqual(times)
        expect([...latencyMs]).toEqual(times.map((_, index) => index))
        expect(count.reduce((sum, each) => sum + each, 0)).toBe(times.length)
        expect(samples.length).toBe(0)
      }),
    )
  })

  it("forgets what was before, but for the last of it", () => {
    fc.assert(
      fc.property(ascending, fc.integer({ min: -5, max: 4000 }), (times, beforeMs) => {
        const samples = samplesOf(times)
        samples.trim(beforeMs)
        const old = times.filter((time) => time < beforeMs).slice(-1)
        const expected = [...old, ...times.filter((time) => time >= beforeMs)]
        expect([...samples.columns().doneMs]).toEqual(expected)
      }),
    )
  })

  it("appends what another process sent", () => {
    const samples = samplesOf([1, 2])
    samples.append(samplesOf([3, 4]).drain())
    expect([...samples.columns().doneMs]).toEqual([1, 2, 3, 4])
  })
})

describe("firstAtOrAfter", () => {
  it("finds what a search from the left finds", () => {
    fc.assert(
      fc.property(ascending, fc.integer({ min: -5, max: 4000 }), (times, ms) => {
        const found = times.findIndex((time) => time >= ms)
        const expected = found === -1 ? times.length : found
        expect(firstAtOrAfter(Float64Array.from(times), ms)).toBe(expected)
      }),
    )
  })
})
