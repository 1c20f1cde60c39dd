import { ManualClock } from "@skein/journal"
import { limits } from "@skein/model"
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

  describe("when the node has its most", () => {
    const idOf = (n: number) => n.toString(16).padStart(32, "0")
    const crowded = (max: number) => {
      const clock = new ManualClock()
      const sessions = new Sessions(clock, () => {}, max)
      const ended: string[] = []
      const holder = {
        isClosed: false,
        endSession: (session: string, reason: string) =>
          void ended.push(`${Number.parseInt(session, 16)} ${reason}`),
      }
      return { clock, sessions, ended, holder }
    }

    it("a new one takes the place of the oldest that was never used", () => {
      const { sessions, ended, holder } = crowded(3)
      for (const n of [1, 2, 3]) sessions.open(idOf(n), limits.leaseMaxMs)
      sessions.use(idOf(1), holder)
      sessions.open(idOf(4), 2_000)
      sessions.use(idOf(4), holder)
      expect(() => sessions.renew(idOf(2))).toThrow("SKEIN_SESSION_UNKNOWN")
      for (const n of [1, 3, 4]) sessions.renew(idOf(n))
      expect(sessions.count).toBe(3)
      expect(ended).toEqual([])
    })

    it("one client that opens them again and again locks nobody out", () => {
      const { sessions, holder } = crowded(64)
      sessions.open(idOf(1), 30_000)
      sessions.use(idOf(1), holder)
      for (let n = 1_000; n < 2_000; n++) sessions.open(idOf(n), limits.leaseMaxMs)
      sessions.open(idOf(2), 30_000)
      sessions.use(idOf(2), holder)
      for (let n = 2_000; n < 3_000; n++) sessions.open(idOf(n), limits.leaseMaxMs)
      sessions.renew(idOf(1))
      sessions.renew(idOf(2))
      expect(sessions.count).toBe(64)
    })

    it("then the places of those that are silent; all in use: LimitExceeded", () => {
      const { clock, sessions, ended, holder } = crowded(3)
      for (const n of [1, 2, 3]) {
        sessions.open(idOf(n), limits.leaseMaxMs)
        sessions.use(idOf(n), holder)
      }
      expect(() => sessions.open(idOf(4), 2_000)).toThrow("SKEIN_LIMIT_EXCEEDED")
      clock.advance(limits.sessionSilentAfterMs - 1_000)
      sessions.use(idOf(2), holder)
      clock.advance(1_000)
      sessions.open(idOf(4), 2_000)
      expect(ended).toEqual(["1 lost", "3 lost"])
      sessions.renew(idOf(2))
    })
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
