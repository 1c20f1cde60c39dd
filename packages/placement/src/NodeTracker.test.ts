/** From sightings of processes to one view a node. */
import { describe, expect, it } from "vitest"
import { type Sighting, tracked } from "./NodeTracker.js"

const seen = (node: string, life = 1, more: Partial<Sighting> = {}): Sighting => ({
  node,
  instance: `${node}#${life}`,
  state: "serving",
  silent: false,
  ...more,
})

describe("tracked", () => {
  it("keeps since when a node is what it is", () => {
    const first = tracked([], [seen("n1", 1, { state: "starting" })], 10)
    expect(first).toMatchObject([{ node: "n1", state: "joining", sinceMs: 10, stateSinceMs: 10 }])
    const second = tracked(first, [seen("n1")], 20)
    expect(second).toMatchObject([{ state: "serving", sinceMs: 10, stateSinceMs: 20 }])
    expect(tracked(second, [seen("n1")], 30)).toEqual(second)
    expect(tracked(second, [seen("n1", 1, { silent: true })], 40)).toMatchObject([
      { state: "silent", stateSinceMs: 40 },
    ])
    expect(tracked(second, [seen("n1", 2)], 50)).toMatchObject([
      { instance: "n1#2", sinceMs: 50, stateSinceMs: 50 },
    ])
  })

  it("of two processes of a name a living one counts, then the one that was there", () => {
    const before = tracked([], [seen("n1", 2)], 0)
    const dead = seen("n1", 1, { silent: true })
    for (const both of [
      [dead, seen("n1", 2)],
      [seen("n1", 2), dead],
    ]) {
      expect(tracked([], both, 5)).toMatchObject([{ instance: "n1#2", state: "serving" }])
    }
    for (const both of [
      [seen("n1", 1), seen("n1", 2)],
      [seen("n1", 2), seen("n1", 1)],
    ]) {
      expect(tracked(before, both, 5)[0]?.instance).toBe("n1#2")
      expect(tracked([], both, 5)[0]?.instance).toBe("n1#1")
    }
  })

  it("remembers a node that vanished as silent for a while, and is in order of names", () => {
    const before = tracked([], [seen("n2"), seen("n1")], 0)
    expect(before.map(({ node }) => node)).toEqual(["n1", "n2"])
    const gone = tracked(before, [seen("n2")], 100)
    expect(gone).toMatchObject([{ node: "n1", state: "silent", stateSinceMs: 100 }, { node: "n2" }])
    expect(tracked(gone, [seen("n2")], 9_000)).toHaveLength(2)
    expect(tracked(gone, [seen("n2")], 10_100)).toHaveLength(1)
    expect(tracked([], [seen("n1")], 0, () => 4)[0]?.weight).toBe(4)
  })
})
