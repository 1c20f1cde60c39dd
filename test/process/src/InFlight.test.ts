import { Prng } from "@skein/test-checker"
import { describe, expect, it } from "vitest"
import { InFlight } from "./InFlight.js"

describe("publishes in flight", () => {
  it("are counted at a moment of the past", () => {
    const inFlight = new InFlight()
    const first = inFlight.begin(100, 10)
    const second = inFlight.begin(50, 20)
    inFlight.end(first, 30)
    expect([5, 10, 19, 20, 29, 30].map((time) => inFlight.at(time))).toEqual([
      ...[0, 100, 100, 150, 150, 50],
    ])
    inFlight.end(second, 40)
    expect(inFlight.at(39)).toBe(50)
    expect(inFlight.count).toBe(0)
  })

  it("agree with a naive count", () => {
    const prng = new Prng(7)
    const inFlight = new InFlight()
    const open: Array<ReturnType<InFlight["begin"]>> = []
    const counts: Array<number> = []
    for (let time = 0; time < 500; time++) {
      if (open.length === 0 || prng.chance(0.5)) open.push(inFlight.begin(1, time))
      else inFlight.end(open.splice(prng.between(0, open.length - 1), 1)[0], time)
      counts.push(open.length)
    }
    expect(counts.map((_, time) => inFlight.at(time))).toEqual(counts)
  })
})
