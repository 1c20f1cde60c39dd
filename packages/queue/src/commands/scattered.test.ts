/** Queues with very many gaps: no decision may grow with them beyond its limit. */
import { limits } from "@skein/model"
import { describe, expect, it } from "vitest"
import type { Event } from "../Event.js"
import { evolve } from "../evolve.js"
import { counts } from "../QueueState.js"
import { Bench, refusal } from "../testing/Bench.js"

const frames = 64
const messages = frames * limits.frameMessagesMax
/** Every second message is left: more ranges than one decision may name. */
const left = messages / 2

const scattered = (): Bench => {
  const bench = new Bench()
  bench.checked = false
  for (let frame = 0; frame < frames; frame++) bench.publish(limits.frameMessagesMax)
  for (let frame = 0; frame < frames; frame++) {
    const ranges: number[] = []
    for (let at = 0; at < limits.frameMessagesMax; at += 2) {
      const sequence = frame * limits.frameMessagesMax + at + 1
      ranges.push(sequence, sequence)
    }
    evolve(bench.state, { _tag: "MessagesPurged", ranges })
  }
  bench.events = []
  return bench
}

const rangesIn = (events: readonly Event[]): number => {
  let ranges = 0
  for (const event of events) if ("ranges" in event) ranges += event.ranges.length / 2
  return ranges
}

const everything = {
  outcome: "ack" as const,
  epoch: 1,
  attempt: 0,
  ranges: [1, messages],
}

/** Leases all of it, in fetches of 4,096 by so many sessions. */
const leaseAll = (bench: Bench): void => {
  for (let at = 0; at * limits.fetchMessagesMax < left; at++) {
    const session = at.toString(16).padStart(32, "0")
    bench.run({
      _tag: "Fetch",
      session,
      fetchNumber: 1,
      messagesMax: limits.fetchMessagesMax,
      bytesMax: limits.fetchBytesMax,
      waitMs: 0,
      settles: [],
    })
  }
  bench.deliver()
  expect(counts(bench.state).leased).toBe(left)
  bench.events = []
}

describe("a queue with very many gaps", () => {
  it("is purged in parts; what is published meanwhile stays", () => {
    const bench = scattered()
    let total = 0
    let parts = 0
    let { reply, events } = bench.run({ _tag: "Purge" })
    for (; reply._tag === "Purged"; parts++) {
      expect(rangesIn(events)).toBeLessThanOrEqual(limits.eventRangesMax)
      total += reply.messages
      if (reply.rest === undefined) break
      bench.publish(3)
      ;({ reply, events } = bench.run({ _tag: "Purge", rest: reply.rest }))
    }
    expect(total).toBe(left)
    expect(parts).toBeGreaterThanOrEqual(1)
    expect(counts(bench.state)).toMatchObject({ ready: 3 * parts, purged: messages })
  })

  it("refuses one settle of all its deliveries, and changes nothing", () => {
    const bench = scattered()
    leaseAll(bench)
    const settle = bench.run({ _tag: "Settle", session: "x", settles: [everything] })
    expect(refusal(settle)).toBe("LimitExceeded")
    expect(counts(bench.state).leased).toBe(left)
  })

  it("lets leases run out in parts, each due at once after the one before", () => {
    const bench = scattered()
    leaseAll(bench)
    bench.now = { journalMs: 2_000_000, monotonicMs: 5_000 }
    let ticks = 0
    for (; counts(bench.state).leased > 0; ticks++) {
      const { events } = bench.run({ _tag: "Tick", stallMs: 0 })
      const most = limits.eventRangesMax + limits.fetchMessagesMax
      expect(rangesIn(events)).toBeLessThanOrEqual(most)
      expect(rangesIn(events)).toBeGreaterThan(0)
    }
    expect(ticks).toBeGreaterThan(1)
    expect(counts(bench.state)).toMatchObject({ ready: left, expired: left })
  })

  it("hands out again in parts what has failed before, and says that there is more", () => {
    const bench = scattered()
    leaseAll(bench)
    bench.now = { journalMs: 2_000_000, monotonicMs: 5_000 }
    while (counts(bench.state).leased > 0) bench.run({ _tag: "Tick", stallMs: 0 })
    for (let at = 0; at * limits.fetchMessagesMax < left; at++) {
      const session = at.toString(16).padStart(32, "0")
      bench.run({
        _tag: "Fetch",
        session,
        fetchNumber: 2,
        messagesMax: limits.fetchMessagesMax,
        bytesMax: limits.fetchBytesMax,
        waitMs: 0,
        settles: [],
      })
    }
    let parts = 0
    for (let more = true; more; parts++) {
      const decision = bench.run({ _tag: "Deliver" })
      const durable = decision.events.filter(({ _tag }) => _tag === "Redelivered")
      expect(rangesIn(durable)).toBeLessThanOrEqual(limits.eventRangesMax + limits.fetchMessagesMax)
      more = decision.more === true
    }
    expect(parts).toBeGreaterThan(1)
    expect(counts(bench.state).leased).toBe(left)
  })

  it("ends a session that holds all that one may", () => {
    const bench = scattered()
    for (let fetchNumber = 1; fetchNumber <= 16; fetchNumber++) {
      bench.run({
        _tag: "Fetch",
        session: "s",
        fetchNumber,
        messagesMax: limits.fetchMessagesMax,
        bytesMax: limits.fetchBytesMax,
        waitMs: 0,
        settles: [],
      })
    }
    bench.deliver()
    const { events } = bench.run({ _tag: "EndSession", session: "s", reason: "closed" })
    expect(rangesIn(events)).toBe(limits.leasedPerSessionMax)
  })
})
