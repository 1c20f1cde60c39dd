import { describe, expect, it } from "vitest"
import type { Publisher } from "../System.js"
import { stampOf } from "./body.js"
import { Meter } from "./Meter.js"
import { OpenLoop } from "./OpenLoop.js"
import { Schedule } from "./Schedule.js"

const setup = (inFlightMax: number) => {
  const clock = { ms: 0 }
  const clockMs = (): number => clock.ms
  const stamps: number[] = []
  const pending: (() => void)[] = []
  const publisher: Publisher = {
    publish: (bodies) => {
      stamps.push(...bodies.map(stampOf))
      return new Promise<void>((resolve) => pending.push(resolve))
    },
  }
  const meter = new Meter(clockMs, () => null)
  const failures: unknown[] = []
  const loop = new OpenLoop(
    [publisher],
    { size: 64, inFlightMax },
    new Schedule(0, 1000),
    meter,
    clockMs,
    (error) => failures.push(error),
  )
  return { clock, stamps, pending, meter, loop, failures }
}

describe("OpenLoop", () => {
  it("stamps a body with its intended time, not with the time it was sent", () => {
    const { clock, stamps, meter, loop } = setup(100)
    clock.ms = 10
    loop.tick()
    expect(stamps).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    const delay = meter.cut().delay.percentiles()!
    expect(delay.max).toBe(10)
    expect(delay.p50).toBeCloseTo(5, 1)
  })

  it("shows a stalled broker as delay and latency of all that was due meanwhile", async () => {
    const { clock, pending, meter, loop } = setup(1)
    loop.tick()
    clock.ms = 1000
    loop.tick()
    expect(meter.sent).toBe(1)
    pending[0]!()
    await Promise.resolve()
    loop.tick()
    const lap = meter.cut()
    expect(lap.publish.percentiles()!.max).toBe(1000)
    expect(lap.delay.percentiles()!.max).toBe(999)
  })

  it("stops when all that was sent is confirmed", async () => {
    const { pending, meter, loop } = setup(100)
    loop.tick()
    const stopped = loop.stop()
    pending[0]!()
    await stopped
    expect(meter.published).toBe(1)
    loop.tick()
    expect(meter.sent).toBe(1)
  })
})
