import { describe, expect, it } from "vitest"
import { counts, nextDueMs } from "../QueueState.js"
import { Bench, refusal, spans } from "../testing/Bench.js"

const extend = (bench: Bench, session: string, ranges: readonly number[], leaseMs?: number) =>
  bench.run({
    _tag: "Extend",
    session,
    epoch: 1,
    ranges,
    ...(leaseMs === undefined ? {} : { leaseMs }),
  })

const tick = (bench: Bench, monotonicMs: number, stallMs = 0) => {
  bench.now = { ...bench.now, monotonicMs }
  return bench.run({ _tag: "Tick", stallMs })
}

describe("leases", () => {
  it("run out on the monotonic clock, whatever the wall clock does", () => {
    const bench = new Bench()
    bench.publish(2)
    bench.fetch("a", 1)
    bench.now = { journalMs: bench.now.journalMs + 3_600_000, monotonicMs: 999 }
    bench.run({ _tag: "Tick", stallMs: 0 })
    expect(counts(bench.state).leased).toBe(2)
    expect(nextDueMs(bench.state)).toBe(1_000)
    tick(bench, 1_000)
    expect(counts(bench.state)).toMatchObject({ ready: 2, expired: 2 })
  })

  it("are extended, in whole and in part, by the session that holds them", () => {
    const bench = new Bench()
    bench.publish(10)
    bench.fetch("a", 1)
    expect(extend(bench, "a", [1, 10], 2_000).reply).toEqual({ _tag: "Extended", lost: [] })
    expect(extend(bench, "a", [3, 4, 9, 12], 5_000).reply).toEqual({
      _tag: "Extended",
      lost: [11, 12],
    })
    expect(extend(bench, "b", [1, 2]).reply).toEqual({ _tag: "Extended", lost: [1, 2] })
    tick(bench, 2_000)
    expect(counts(bench.state)).toMatchObject({ leased: 4, ready: 6 })
    expect(bench.fetch("a", 1)[0].runs).toMatchObject([
      { first: 3, last: 10, selection: Uint8Array.of(0b11000011) },
    ])
    tick(bench, 5_000)
    expect(counts(bench.state).leased).toBe(0)
  })

  it("are not extended beyond the limit", () => {
    const bench = new Bench()
    expect(refusal(extend(bench, "a", [1, 1], 1e12))).toBe("LimitExceeded")
    expect(refusal(extend(bench, "a", [2, 1]))).toBe("ProtocolError")
  })

  it("do not pay for a stall of the node", () => {
    const bench = new Bench()
    bench.publish(1)
    bench.fetch("a", 1)
    bench.wait("b", 1, 1, 1_200)
    tick(bench, 6_000, 5_500)
    expect(counts(bench.state)).toMatchObject({ leased: 1, waits: 1 })
    expect(nextDueMs(bench.state)).toBe(6_500)
  })
})

describe("the end of a session", () => {
  it("returns what it holds when its client closed it, fails it when it was lost", () => {
    const bench = new Bench()
    bench.publish(4)
    bench.fetch("a", 1, 2)
    bench.fetch("b", 1, 2)
    bench.wait("a", 2)
    expect(bench.run({ _tag: "EndSession", session: "a", reason: "closed" }).deliveries).toEqual([
      { session: "a", fetchNumber: 2, runs: [] },
    ])
    bench.run({ _tag: "EndSession", session: "b", reason: "lost" })
    expect(counts(bench.state)).toMatchObject({ ready: 4, returned: 2, failed: 2, sessions: 0 })
    expect(bench.run({ _tag: "EndSession", session: "b", reason: "lost" }).events).toEqual([])
  })
})

describe("purge and peek", () => {
  it("purge removes what is ready and leaves what is leased", () => {
    const bench = new Bench()
    for (let frame = 0; frame < 50; frame++) bench.publish(100)
    bench.fetch("a", 1, 10)
    expect(bench.run({ _tag: "Purge" }).reply).toEqual({ _tag: "Purged", messages: 4_990 })
    expect(counts(bench.state)).toMatchObject({ total: 10, leased: 10, bytes: 1_000 })
    expect(bench.run({ _tag: "Purge" }).events).toEqual([])
    bench.settle("return", [1, 10])
    expect(spans(bench.fetch("a", 2)[0])).toEqual(["1-10"])
  })

  it("peek shows ready and leased messages and changes nothing", () => {
    const bench = new Bench()
    bench.publish(5)
    bench.fetch("a", 1, 2)
    bench.settle("ack", [2, 2])
    const decision = bench.run({ _tag: "Peek", from: 1, messagesMax: 3, bytesMax: 1_000 })
    expect(decision.events).toEqual([])
    expect(decision.reply).toMatchObject({
      runs: [{ first: 1, last: 4, selection: Uint8Array.of(0b1101) }],
    })
    const later = bench.run({ _tag: "Peek", from: 5, messagesMax: 9, bytesMax: 1_000 })
    expect(later.reply).toMatchObject({ runs: [{ first: 5, last: 5 }] })
  })
})
