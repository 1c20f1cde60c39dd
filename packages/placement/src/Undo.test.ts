/** A move is taken back when samples before and after say that it made things worse. */
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { noHistory } from "./ClusterView.js"
import type { Move } from "./Plan.js"
import { nodeOf, tableOf, viewOf } from "./testing/World.js"
import { historyAfter, type MoveSample, sampleOf, undoOf, worsened } from "./Undo.js"

const move: Move = { shard: 1, from: "n1", to: "n2", reason: "r", kind: "balance" }
const sample: MoveSample = {
  spread: 1.5,
  p99Ms: 10,
  messagesPerSecond: 1_000,
  nodes: ["n1", "n2"],
}
const table = tableOf(["n1", "n2"])
const watched = { move, doneAtMs: 0, before: sample }

describe("undo", () => {
  it("looks at the worst p99 of the two nodes, and at all traffic", () => {
    const view = viewOf([nodeOf("n1"), nodeOf("n2"), nodeOf("n3")], [0.1, 0.2, 0.3])
    const loads = new Map(view.loads)
    const third = loads.get(2)
    if (third !== undefined) loads.set(2, { ...third, confirmP99Ms: 500 })
    expect(sampleOf({ ...view, loads }, tableOf(["n1", "n2", "n3"]), move, 2)).toEqual({
      spread: 2,
      p99Ms: 3,
      messagesPerSecond: 240_000,
      nodes: ["n1", "n2", "n3"],
    })
  })

  it("is done for p99 that grew much, or a spread that grew and would be less with it back", () => {
    expect(worsened(sample, { ...sample, p99Ms: 40 }, 9)).toBe("p99 rose from 10.0 to 40.0 ms")
    const uneven = { ...sample, spread: 2 }
    expect(worsened(sample, uneven, 1.6)).toBe("busiest / idlest rose from 1.50 to 2.00")
    expect(worsened(sample, uneven, 2.1)).toBe(undefined)
  })

  it("is not done for little, or where nothing can be compared", () => {
    expect(worsened(sample, { ...sample, p99Ms: 14 }, 1)).toBe(undefined)
    expect(worsened({ ...sample, p99Ms: 1 }, { ...sample, p99Ms: 5 }, 1)).toBe(undefined)
    const traffic = { ...sample, p99Ms: 90, messagesPerSecond: 2_000 }
    expect(worsened(sample, traffic, 1)).toBe(undefined)
    expect(worsened(sample, { ...sample, p99Ms: 90, nodes: ["n2"] }, 1)).toBe(undefined)
    expect(worsened({ ...sample, p99Ms: 0 }, { ...sample, p99Ms: 90 }, 1)).toBe(undefined)
  })

  it("takes the shard back once, with the reason, and bars the way", () => {
    const after = { ...sample, p99Ms: 40 }
    const back = undoOf(watched, table, after, 9)
    expect(back).toEqual({
      shard: 1,
      from: "n2",
      to: "n1",
      reason: "s001 goes back from n2 to n1: since it moved, p99 rose from 10.0 to 40.0 ms",
      kind: "undo",
    })
    if (back === undefined) return
    expect(undoOf({ ...watched, move: back }, tableOf(["n1", "n1"]), after, 9)).toBe(undefined)
    const history = historyAfter(noHistory, back, "done", 1_000)
    expect(history.bars.get(1)).toEqual({ node: "n2", untilMs: 601_000 })
    expect(history.movedAtMs.get(1)).toBe(1_000)
    expect(historyAfter(noHistory, back, "refused", 5).refusedAtMs.get(1)).toBe(5)
  })

  it("is not done when the shard went on, or its old node is drained", () => {
    const after = { ...sample, p99Ms: 40 }
    expect(undoOf(watched, tableOf(["n1", "n3"]), after, 9)).toBe(undefined)
    expect(undoOf(watched, { ...table, draining: ["n1"] }, after, 9)).toBe(undefined)
    expect(undoOf({ ...watched, move: { ...move, kind: "evacuate" } }, table, after, 9)).toBe(
      undefined,
    )
  })

  it("never for samples that got better in both ways", () => {
    const numbers = fc.double({ min: 0.01, max: 1_000, noNaN: true })
    fc.assert(
      fc.property(
        numbers,
        numbers,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (p99, spread, by) => {
          const before = { ...sample, p99Ms: p99, spread: 1 + spread }
          const after = { ...before, p99Ms: p99 * by, spread: 1 + spread * by }
          expect(worsened(before, after, 0)).toBe(undefined)
        },
      ),
    )
  })
})
