import type { Generation } from "@skein/model"
import { FastCheck } from "effect"
import { describe, expect, it } from "vitest"
import { KeptEvents } from "./KeptEvents.js"
import { encodeSections } from "./RecordSections.js"

class Aside {
  readonly kept: Uint8Array[] = []
  constructor(private readonly aside: boolean) {}
  isAside = () => this.aside
  keep = (events: Uint8Array) => void this.kept.push(events)
}

const section = (generation: Generation, ...events: number[]) => ({
  generation,
  deleted: false,
  events: Uint8Array.from(events),
})

describe("KeptEvents", () => {
  it("gives those that are aside their own events, in order and once", () => {
    const kept = new KeptEvents()
    const [aside, well] = [new Aside(true), new Aside(false)]
    const actors = new Map([
      [1, aside],
      [2, well],
    ])
    kept.add(encodeSections([section(1, 7), section(2, 8), section(3, 9)]))
    kept.add(encodeSections([{ ...section(1), deleted: true }]))
    kept.add(encodeSections([section(1, 10, 11)]))
    kept.giveOut(actors)
    expect(aside.kept.map((events) => [...events])).toEqual([[7], [10, 11]])
    expect(well.kept).toEqual([])
    kept.giveOut(actors)
    expect(aside.kept).toHaveLength(2)
  })

  it("forgets with each giving out, also when nobody is aside", () => {
    const kept = new KeptEvents()
    kept.add(encodeSections([section(1, 7)]))
    kept.giveOut(new Map([[1, new Aside(false)]]))
    expect(kept.heldBytes).toBe(0)
    const aside = new Aside(true)
    kept.giveOut(new Map([[1, aside]]))
    expect(aside.kept).toEqual([])
  })

  it("copies: what was given may be used again, and may be a part of a larger buffer", () => {
    const kept = new KeptEvents()
    const large = Buffer.alloc(1_000_000)
    const events = encodeSections([section(1, 1, 2, 3)])
    large.set(events, 500_000)
    kept.add(large.subarray(500_000, 500_000 + events.length))
    expect(kept.heldBytes).toBeLessThan(10_000)
    large.fill(0)
    const aside = new Aside(true)
    kept.giveOut(new Map([[1, aside]]))
    expect(aside.kept.map((one) => [...one])).toEqual([[1, 2, 3]])
    // The next records do not lie where these do.
    kept.add(encodeSections([section(1, 4, 5, 6)]))
    expect(aside.kept.map((one) => [...one])).toEqual([[1, 2, 3]])
  })

  it("keeps any sequence of records, small and large, in little more than their bytes", () => {
    const sizes = FastCheck.array(
      FastCheck.oneof(
        { arbitrary: FastCheck.integer({ min: 1, max: 300 }), weight: 20 },
        { arbitrary: FastCheck.integer({ min: 60_000, max: 200_000 }), weight: 1 },
      ),
      { maxLength: 400 },
    )
    FastCheck.assert(
      FastCheck.property(sizes, (all) => {
        const kept = new KeptEvents()
        let given = 0
        // What does not fit leaves the end of a slab empty.
        let wasted = 0
        all.forEach((size, at) => {
          const events = encodeSections([
            { generation: 1, deleted: false, events: new Uint8Array(size).fill(at) },
          ])
          given += events.length + 4
          wasted += size > 300 ? 65_536 : 12
          kept.add(events)
        })
        expect(kept.heldBytes).toBeLessThanOrEqual(1.5 * given + 2_048 + wasted)
        const aside = new Aside(true)
        kept.giveOut(new Map([[1, aside]]))
        expect(aside.kept.map(({ length }) => length)).toEqual(all)
        expect(aside.kept.every((one, at) => one.every((byte) => byte === at % 256))).toBe(true)
      }),
      { numRuns: 50 },
    )
  })
})
