import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { shardChanges } from "./shardChanges.js"

const nodes = ["n1", "n2", "n3", undefined] as const

describe("shardChanges", () => {
  it("opens what the table gives and is not held, closes what another living node has", () => {
    const owner = fc.constantFrom(...nodes)
    const cases = fc.record({
      owners: fc.array(owner, { minLength: 1, maxLength: 20 }),
      held: fc.uniqueArray(fc.integer({ min: 0, max: 19 })),
      silent: fc.uniqueArray(fc.constantFrom("n2", "n3")),
    })
    fc.assert(
      fc.property(cases, ({ owners, held, silent }) => {
        const table = { version: 1, owners, draining: [] }
        const isLiving = (shard: number) => !silent.some((node) => node === owners[shard])
        const { open, close } = shardChanges(table, "n1", new Set(held), isLiving)
        for (let shard = 0; shard < 20; shard++) {
          const mine = owners[shard] === "n1"
          const isHeld = held.includes(shard)
          expect(open.includes(shard)).toBe(mine && !isHeld)
          const elsewhere = !mine && owners[shard] !== undefined && isLiving(shard)
          expect(close.includes(shard)).toBe(isHeld && elsewhere)
        }
        for (const list of [open, close]) {
          expect([...list].sort((a, b) => a - b)).toEqual(list)
        }
      }),
    )
  })
})
