import { ManualClock } from "@skein/journal"
import { describe, expect, it } from "vitest"
import { Sessions } from "./Sessions.js"

const id = "a".repeat(32)

const setup = () => {
  const clock = new ManualClock()
  const sessions = new Sessions(clock, () => {})
  const ended: string[] = []
  const holder = {
    isClosed: false,
    endSession: (session: string, reason: string) => void ended.push(`${session[0]} ${reason}`),
  }
  return { clock, sessions, ended, holder }
}

describe("Sessions", () => {
  it("ends as lost when nothing renews the lease", () => {
    const { clock, sessions, ended, holder } = setup()
    sessions.open(id, 2_000)
    sessions.use(id, holder)
    clock.advance(1_900)
    expect(ended).toEqual([])
    clock.advance(700)
    expect(ended).toEqual(["a lost"])
    expect(() => sessions.use(id, holder)).toThrow("SKEIN_SESSION_UNKNOWN")
  })

  it("is renewed by any request that names it", () => {
    const { clock, sessions, ended, holder } = setup()
    sessions.open(id, 2_000)
    for (let step = 0; step < 5; step++) {
      clock.advance(1_500)
      sessions.use(id, holder)
    }
    expect(ended).toEqual([])
  })

  it("does not pay for a stall of the node", () => {
    const { clock, sessions, ended, holder } = setup()
    sessions.open(id, 2_000)
    sessions.use(id, holder)
    sessions.stalled(5_000)
    clock.advance(6_400)
    expect(ended).toEqual([])
    clock.advance(1_200)
    expect(ended).toEqual(["a lost"])
  })

  it("returns what it holds when its client closes it, once", () => {
    const { sessions, ended, holder } = setup()
    sessions.open(id, 2_000)
    sessions.use(id, holder)
    sessions.close(id)
    sessions.close(id)
    expect(ended).toEqual(["a closed"])
    expect(sessions.count).toBe(0)
  })

  it("keeps no holder that is closed: not for long in use, and not over a shard's end", () => {
    const { sessions, ended } = setup()
    sessions.open(id, 2_000)
    let calls = 0
    const closed = () => ({ isClosed: true, endSession: () => void calls++ })
    for (let at = 0; at < 1_000; at++) sessions.use(id, closed())
    sessions.open("b".repeat(32), 2_000)
    sessions.use("b".repeat(32), closed())
    sessions.close(id)
    expect(calls).toBeLessThan(20)
    calls = 0
    sessions.forgetClosed()
    sessions.close("b".repeat(32))
    expect(calls).toBe(0)
    expect(ended).toEqual([])
  })

  it("sets no timer while there are no sessions", () => {
    const { clock, sessions } = setup()
    expect(clock.timers).toBe(0)
    sessions.open(id, 2_000)
    expect(clock.timers).toBe(1)
    sessions.close(id)
    clock.advance(1_000)
    expect(clock.timers).toBe(0)
  })
})
