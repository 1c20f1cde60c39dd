import { ManualClock } from "@skein/journal"
import { describe, expect, it } from "vitest"
import { clockKey, HostClock } from "./HostClock.js"

describe("HostClock", () => {
  it("never goes back, whatever becomes of the wall clock", () => {
    const clock = new ManualClock()
    const host = new HostClock(clock)
    const first = host.now()
    expect(first.journalMs).toBe(clock.wallMs())
    clock.jumpWall(-60_000)
    clock.advance(5)
    expect(host.now()).toEqual({ ...first, monotonicMs: first.monotonicMs + 5 })
    host.reached(first.journalMs + 9)
    expect(host.now().journalMs).toBe(first.journalMs + 9)
    clock.jumpWall(120_000)
    expect(host.now().journalMs).toBe(clock.wallMs())
  })

  it("goes on from the chunk of a checkpoint, wherever its bytes lie", () => {
    const host = new HostClock(new ManualClock())
    const { journalMs } = host.now()
    const { key, bytes } = host.chunk()
    expect(key).toBe(clockKey)
    const part = new Uint8Array(11)
    part.set(bytes, 3)
    const early = new ManualClock()
    early.jumpWall(-1_000_000)
    const next = new HostClock(early)
    next.restore(part.subarray(3))
    expect(next.now().journalMs).toBe(journalMs)
    expect(() => next.restore(part)).toThrow("8 bytes")
  })
})
