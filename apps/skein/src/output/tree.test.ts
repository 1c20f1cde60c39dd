import * as fc from "effect/FastCheck"
import { describe, expect, it } from "vitest"
import { treeLines } from "./tree.js"

interface Entry {
  readonly path: string
  readonly isPlain: boolean
}

const entry = (path: string, isPlain = true): Entry => ({ path, isPlain })
const labels = (entries: readonly Entry[]) =>
  treeLines(entries, ({ isPlain }) => isPlain).map(({ label }) => label)

describe("treeLines", () => {
  it("draws parts below their parents, and folds many plain ones", () => {
    const shards = Array.from({ length: 9 }, (_, at) => entry(`node/shards/s00${at}`, at !== 3))
    const rows = [entry("node"), entry("node/journal"), entry("node/shards"), ...shards]
    // A queue that is set aside comes last, and its name may hold a slash.
    rows.push(entry("node/shards/s003/a/b", false), entry("node/shards/s005/c", false))
    expect(labels(rows)).toEqual([
      "node",
      "├─ journal",
      "└─ shards",
      "   ├─ s003",
      "   │  └─ a/b",
      "   ├─ s005",
      "   │  └─ c",
      "   └─ 7 more that run and never restarted",
    ])
  })

  it("shows each that is not plain exactly once, and counts the others", () => {
    const part = fc.constantFrom("a", "b", "c", "d", "e", "f")
    const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"))
    const entries = fc.uniqueArray(fc.record({ path, isPlain: fc.boolean() }), {
      maxLength: 60,
      selector: (one) => one.path,
    })
    fc.assert(
      fc.property(entries, (all) => {
        const lines = treeLines(all, ({ isPlain }) => isPlain)
        const shown = lines.flatMap((line) => line.entry ?? [])
        expect(new Set(shown).size).toBe(shown.length)
        for (const one of all) if (!one.isPlain) expect(shown).toContain(one)
        const folded = lines.flatMap(
          ({ label }) => /(\d+)(?: more)? that run/.exec(label)?.[1] ?? [],
        )
        expect(folded.reduce((sum, count) => sum + Number(count), shown.length)).toBe(all.length)
      }),
    )
  })
})
