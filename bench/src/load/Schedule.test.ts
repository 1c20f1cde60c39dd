import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { Schedule } from "./Schedule.js"

const takeAll = (schedule: Schedule, nowMs: number): number[] => {
  const taken: number[] = []
  for (let due = schedule.take(nowMs); due !== undefined; due = schedule.take(nowMs)) {
    taken.push(due)
  }
  return taken
}

describe("Schedule", () => {
  it("spaces messages evenly from its start", () => {
    expect(takeAll(new Schedule(100, 2000), 101.6)).toEqual([100, 100.5, 101, 101.5])
  })

  it("finds all messages that a stall missed at their old times", () => {
    const schedule = new Schedule(0, 1000)
    expect(takeAll(schedule, 1)).toEqual([0, 1])
    expect(takeAll(schedule, 500)).toHaveLength(499)
    expect(schedule.nextMs).toBe(501)
  })

  it("takes each message once, at any pace of the clock", () => {
    const steps = fc.array(fc.double({ min: 0, max: 40, noNaN: true }), { maxLength: 50 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 5000 }), (pauses, rate) => {
        const schedule = new Schedule(0, rate)
        let now = 0
        const taken = pauses.flatMap((pause) => {
          now += pause
          return takeAll(schedule, now)
        })
        expect(taken).toEqual(taken.map((_, index) => (index * 1000) / rate))
        expect(schedule.nextMs).toBeGreaterThan(pauses.length > 0 ? now : -1)
      }),
    )
  })

  it("refuses a rate of zero", () => {
    expect(() => new Schedule(0, 0)).toThrow("above zero")
  })
})
