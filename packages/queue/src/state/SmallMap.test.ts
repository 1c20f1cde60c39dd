import { FastCheck } from "effect"
import { describe, expect, it } from "vitest"
import { SmallMap } from "./SmallMap.js"

const key = FastCheck.integer({ min: 0, max: 3 })
const step = FastCheck.oneof(
  FastCheck.record({ op: FastCheck.constant("set" as const), key, value: FastCheck.nat(9) }),
  FastCheck.record({ op: FastCheck.constant("delete" as const), key }),
  FastCheck.record({ op: FastCheck.constant("clear" as const) }),
)

describe("SmallMap", () => {
  it("is a Map, in the order of insertion too", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(step, { maxLength: 40 }), (steps) => {
        const small = new SmallMap<number, number>()
        const map = new Map<number, number>()
        for (const one of steps) {
          if (one.op === "set") {
            small.set(one.key, one.value)
            map.set(one.key, one.value)
          } else if (one.op === "clear") {
            small.clear()
            map.clear()
          } else expect(small.delete(one.key)).toBe(map.delete(one.key))
          expect(small.size).toBe(map.size)
          expect([...small.keys()]).toEqual([...map.keys()])
          expect([...small.values()]).toEqual([...map.values()])
          for (let at = 0; at <= 3; at++) {
            expect([small.get(at), small.has(at)]).toEqual([map.get(at), map.has(at)])
          }
        }
      }),
    )
  })

  it("may lose entries while it is walked", () => {
    for (const count of [1, 2, 5]) {
      const small = new SmallMap<string, number>()
      for (let at = 0; at < count; at++) small.set(`k${at}`, at)
      const seen: number[] = []
      for (const value of small.values()) {
        seen.push(value)
        small.delete(`k${value}`)
      }
      expect(seen).toHaveLength(count)
      expect(small.size).toBe(0)
    }
  })
})
