import { describe, expect, it } from "vitest"
import { Checker } from "./Checker.js"
import type { Verdict } from "./Verdict.js"

const ms = 1e6
const body = "0123456789ab"

/** A publish to `q` from and to these milliseconds; no end: never answered. */
type Publish = readonly [process: string, sentMs: number, endedMs?: number]
/** A fault in force from and to these milliseconds. */
type Fault = readonly [name: string, fromMs: number, untilMs: number, victim?: string]

const judged = (publishes: ReadonlyArray<Publish>, faults: ReadonlyArray<Fault>): Verdict => {
  const checker = new Checker()
  publishes.forEach(([process, sentMs, endedMs], counter) => {
    const id = `${process}-${counter}`
    const base = { op: "publish", process, counter, queue: "q", id, producer: process } as const
    checker.record({ ...base, phase: "invoke", body, timeNs: sentMs * ms })
    if (endedMs === undefined) return
    checker.record({ ...base, phase: "ok", body, timeNs: endedMs * ms })
  })
  faults.forEach(([name, fromMs, untilMs, victim], counter) => {
    const base = { op: "fault", process: "faults", counter, name, limitNs: 100 * ms } as const
    const record = victim === undefined ? base : { ...base, victim }
    checker.record({ ...record, phase: "invoke", timeNs: fromMs * ms })
    checker.record({ ...record, phase: "ok", timeNs: untilMs * ms })
  })
  return checker.verdict()
}

const unavailable = (...given: Parameters<typeof judged>): number =>
  judged(...given).violations.unavailable

describe("a publish under faults", () => {
  it("may wait while one is in force, and up to the limit afterwards", () => {
    expect(unavailable([["p", 10, 600]], [["cut", 20, 500]])).toBe(0)
    expect(unavailable([["p", 10, 601]], [["cut", 20, 500]])).toBe(1)
  })

  it("may wait through several, if no quiet time between them was too long", () => {
    const first: Fault = ["cut", 20, 500]
    expect(unavailable([["p", 10, 1_000]], [first, ["pause", 600, 950]])).toBe(0)
    expect(unavailable([["p", 10, 1_000]], [first, ["pause", 601, 950]])).toBe(1)
    expect(unavailable([["p", 10, 1_000]], [["pause", 30, 950], first])).toBe(0)
  })

  it("need not be answered to a process that was killed", () => {
    const publishes: ReadonlyArray<Publish> = [
      ["p", 10],
      ["q", 20, 30],
      ["q", 900, 901],
    ]
    expect(unavailable(publishes, [["kill", 25, 40, "p"]])).toBe(0)
    expect(judged(publishes, [["kill", 25, 40, "p"]]).faults[0].inFlight).toBe(2)
  })
})

describe("a fault in the verdict", () => {
  it("tells what was in flight and how long nothing was confirmed", () => {
    const publishes: ReadonlyArray<Publish> = [
      ["p", 10, 20],
      ["p", 15, 350],
      ["p", 30, 360],
      ["p", 500, 510],
      ["p", 900, 905],
    ]
    const faults: ReadonlyArray<Fault> = [
      ["cut", 50, 300],
      ["pause", 450, 460],
    ]
    expect(judged(publishes, faults).faults).toEqual([
      { name: "cut", atMs: 50, forMs: 250, inFlight: 2, withoutConfirmMs: 300 },
      { name: "pause", atMs: 450, forMs: 10, inFlight: 0, withoutConfirmMs: 395 },
    ])
  })

  it("is not there without faults", () => {
    expect(judged([["p", 1, 2]], []).faults).toEqual([])
  })
})
