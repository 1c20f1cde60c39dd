import type { Command } from "@skein/queue"
import { describe, expect, it } from "vitest"
import { Postponed } from "./Postponed.js"

const now = { journalMs: 0, monotonicMs: 5_000 }
const end = (digit: string): Command => ({
  _tag: "EndSession",
  session: digit.repeat(32),
  reason: "lost",
})

describe("Postponed", () => {
  it("asks again a second later, stalls added up and before the ends of sessions", () => {
    const postponed = new Postponed()
    expect(postponed.dueMs).toBe(Number.POSITIVE_INFINITY)
    postponed.refused({ _tag: "Tick", stallMs: 30 }, now)
    postponed.refused(end("1"), now)
    postponed.refused({ _tag: "Tick", stallMs: 4 }, now)
    postponed.refused(end("2"), { ...now, monotonicMs: 5_100 })
    expect(postponed.dueMs).toBe(6_100)
    expect(postponed.take(7)).toEqual([{ _tag: "Tick", stallMs: 41 }, end("1"), end("2")])
    expect(postponed.dueMs).toBe(Number.POSITIVE_INFINITY)
    expect(postponed.take(0)).toEqual([{ _tag: "Tick", stallMs: 0 }])
  })

  it("leaves what clients ask to them, and has time come where it was asked to", () => {
    const postponed = new Postponed()
    postponed.refused({ _tag: "Purge" }, now)
    expect(postponed.dueMs).toBe(Number.POSITIVE_INFINITY)
    postponed.again(now)
    expect(postponed.dueMs).toBe(6_000)
    expect(postponed.take(0)).toHaveLength(1)
  })
})
