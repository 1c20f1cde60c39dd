import { FastCheck as fc } from "effect"
import { expect, it } from "vitest"
import { type Due, DueHeap } from "./DueHeap.js"

it("keeps the earliest on top through additions, moves and removals", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(50), fc.nat(99))), (steps) => {
      const heap = new DueHeap<Due>()
      let items: Due[] = []
      for (const [kind, pick, untilMs] of steps) {
        const item = items[pick % Math.max(items.length, 1)]
        if (kind <= 1 || item === undefined) {
          const added = { untilMs, heapAt: -1 }
          items.push(added)
          heap.add(added)
        } else if (kind === 2) {
          item.untilMs = untilMs
          heap.moved(item)
        } else {
          heap.remove(item)
          items = items.filter((other) => other !== item)
          expect(item.heapAt).toBe(-1)
        }
        const times = items.map((one) => one.untilMs).sort((a, b) => a - b)
        expect(heap.nextMs).toBe(times[0] ?? Number.POSITIVE_INFINITY)
        expect(heap.size).toBe(items.length)
        const due = heap.dueAt(50).map((one) => one.untilMs)
        expect(due.sort((a, b) => a - b)).toEqual(times.filter((time) => time <= 50))
      }
      heap.shift(10)
      expect(items.every((one) => one.untilMs >= 10)).toBe(true)
    }),
  )
})
