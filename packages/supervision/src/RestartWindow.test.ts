import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { RestartWindow } from "./RestartWindow.js"

describe("RestartWindow", () => {
  it("counts a restart until just before the window has passed", () => {
    const window = new RestartWindow({ restartsMax: 2, windowMs: 1_000 })
    expect(window.admit(0, "a")).toBe(true)
    expect(window.admit(500, "b")).toBe(true)
    expect(window.admit(999, "a")).toBe(false)
    expect(window.countOf(999, "a")).toBe(1)
    expect(window.admit(1_000, "a")).toBe(true)
    expect(window.admit(1_499, "a")).toBe(false)
    expect(window.countOf(1_500, "b")).toBe(0)
  })

  it("admits nothing when nothing is allowed", () => {
    expect(new RestartWindow({ restartsMax: 0, windowMs: 1 }).admit(0, "a")).toBe(false)
  })

  it("admits exactly when fewer than the maximum lie within the window", () => {
    const steps = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 }), steps, (restartsMax, gaps) => {
        const windowMs = 100
        const window = new RestartWindow({ restartsMax, windowMs })
        const admitted: Array<number> = []
        let nowMs = 0
        for (const gap of gaps) {
          nowMs += gap
          const within = admitted.filter((atMs) => nowMs - atMs < windowMs).length
          expect(window.admit(nowMs, "a")).toBe(within < restartsMax)
          if (within < restartsMax) admitted.push(nowMs)
          expect(window.countOf(nowMs, "a")).toBe(Math.min(within + 1, restartsMax))
        }
      }),
    )
  })
})
