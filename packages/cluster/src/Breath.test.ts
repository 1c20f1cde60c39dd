import { limits } from "@skein/model"
import { describe, expect, it } from "vitest"
import { Breath } from "./Breath.js"

/** Whether the pause is over after all promises that are due. */
const isOver = async (taken: Promise<void>): Promise<boolean> => {
  let over = false
  void taken.then(() => {
    over = true
  })
  for (let round = 0; round < 10; round++) await Promise.resolve()
  return over
}

describe("Breath", () => {
  it("lets the event loop turn when work has lasted for long, and counts from there", async () => {
    let nowMs = 0
    const turns: (() => void)[] = []
    const breath = new Breath({
      monotonicMs: () => nowMs,
      defer: (resume) => void turns.push(resume),
    })
    nowMs += limits.batchWorkMaxMs - 1
    expect(await isOver(breath.taken())).toBe(true)
    nowMs += 1
    const taken = breath.taken()
    expect(await isOver(taken)).toBe(false)
    nowMs += 500
    for (const resume of turns) resume()
    expect(await isOver(taken)).toBe(true)
    nowMs += limits.batchWorkMaxMs - 1
    expect(await isOver(breath.taken())).toBe(true)
  })
})
