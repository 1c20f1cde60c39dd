import { ManualClock } from "@skein/journal"
import { limits } from "@skein/model"
import { describe, expect, it } from "vitest"
import { Alarm } from "./Alarm.js"

const setUp = () => {
  const clock = new ManualClock()
  const startMs = clock.monotonicMs()
  const rings: number[] = []
  const alarm = new Alarm(clock, () => rings.push(clock.monotonicMs() - startMs))
  return { clock, rings, alarm, set: (ms: number) => alarm.set(startMs + ms) }
}

describe("Alarm", () => {
  it("rings once, at the earliest time that it was set to", () => {
    const { clock, rings, set } = setUp()
    set(100)
    set(50)
    set(70)
    clock.advance(49)
    expect(rings).toEqual([])
    clock.advance(100)
    expect(rings).toEqual([50])
    set(200)
    clock.advance(100)
    expect(rings).toEqual([50, 200])
  })

  it("is silent once it is cleared, until it is set again, also to a later time", () => {
    const { alarm, clock, rings, set } = setUp()
    set(50)
    alarm.clear()
    clock.advance(60)
    expect(rings).toEqual([])
    set(80)
    clock.advance(20)
    expect(rings).toEqual([80])
  })

  it("rings at once for what is past, and never for what is never due", () => {
    const { clock, rings, set } = setUp()
    clock.advance(10)
    set(5)
    clock.advance(0)
    expect(rings).toEqual([10])
    set(Number.POSITIVE_INFINITY)
    clock.advance(limits.leaseMaxMs * 2)
    expect(rings).toEqual([10])
  })

  it("rings early rather than never for what is due beyond a timer's reach", () => {
    const { clock, rings, set } = setUp()
    set(limits.leaseMaxMs * 3)
    clock.advance(limits.leaseMaxMs)
    expect(rings).toEqual([limits.leaseMaxMs])
  })

  it("cannot be set any more after its end", () => {
    const { alarm, clock, rings, set } = setUp()
    set(50)
    alarm.end()
    set(20)
    clock.advance(100)
    expect(rings).toEqual([])
  })
})
