import { limits } from "@skein/model"
import { describe, expect, it } from "vitest"
import { packRedeliveries, unpackRedeliveries } from "../codec/redeliveriesChunk.js"
import { Lanes } from "./Lanes.js"
import { Redeliveries } from "./Redeliveries.js"

describe("Redeliveries", () => {
  it("knows the last epoch of each message, across blocks", () => {
    const redeliveries = new Redeliveries(new Lanes())
    expect(redeliveries.isEmpty).toBe(true)
    redeliveries.note(limits.blockMessages - 2, limits.blockMessages + 1, 3)
    redeliveries.note(limits.blockMessages, limits.blockMessages, 5)
    const epochs = [-3, -2, -1, 0, 1, 2].map((at) =>
      redeliveries.epochOf(limits.blockMessages + at),
    )
    expect(epochs).toEqual([0, 3, 3, 5, 3, 0])
  })

  it("forgets the blocks that were noted first", () => {
    const redeliveries = new Redeliveries(new Lanes())
    for (let block = 0; block < 65; block++) {
      redeliveries.note(block * limits.blockMessages + 1, block * limits.blockMessages + 1, 2)
    }
    expect(redeliveries.epochOf(1)).toBe(0)
    expect(redeliveries.epochOf(limits.blockMessages + 1)).toBe(2)
  })

  it("tells what of a range it remembers, however wide the range is", () => {
    const redeliveries = new Redeliveries(new Lanes())
    const { blockMessages } = limits
    redeliveries.note(7 * blockMessages + 5, 7 * blockMessages + 6, 2)
    redeliveries.note(3 * blockMessages, 3 * blockMessages, 2)
    expect(redeliveries.parts(3 * blockMessages + 10, Number.MAX_SAFE_INTEGER)).toEqual([
      [3 * blockMessages + 10, 4 * blockMessages - 1],
      [7 * blockMessages, 8 * blockMessages - 1],
    ])
    expect(redeliveries.parts(1, 3 * blockMessages - 1)).toEqual([])
  })

  it("leaves nothing in the digest when it is cleared, and the same when it is restored", () => {
    const lanes = new Lanes()
    const redeliveries = new Redeliveries(lanes)
    redeliveries.note(4_000, 5_000, 2)
    redeliveries.note(4_500, 4_600, 3)
    const restoredLanes = new Lanes()
    const restored = new Redeliveries(restoredLanes)
    for (const [index, epochs] of redeliveries.blocks) {
      restored.restore(index, unpackRedeliveries(packRedeliveries(epochs)))
    }
    expect([restoredLanes.a, restoredLanes.b]).toEqual([lanes.a, lanes.b])
    expect(restored.epochOf(4_550)).toBe(3)
    redeliveries.clear()
    expect([lanes.a, lanes.b]).toEqual([0, 0])
  })
})
