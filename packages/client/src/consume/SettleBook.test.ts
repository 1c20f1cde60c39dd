import { limits, type Outcome, outcomes } from "@skein/model"
import type { Settle } from "@skein/wire"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { SettleBook, type SettleLoad, type SettleWaiter } from "./SettleBook.js"

const waiterOf = (first: number, last: number, heard: string[]): SettleWaiter => ({
  first,
  last,
  deadlineMs: 0,
  ended: false,
  expired: () => heard.push("expired"),
  settled: (lost) => heard.push(`${first}:${lost.length === 0 ? "ok" : "lost"}`),
  failed: (error) => heard.push(error._tag),
})

const flat = (settle: Settle): string[] => {
  const all: string[] = []
  for (let at = 0; at < settle.ranges.length; at += 2) {
    for (let s = settle.ranges[at]; s <= settle.ranges[at + 1]; s++) {
      all.push(`${settle.outcome}/${settle.epoch}/${settle.attempt}/${s}`)
    }
  }
  return all
}

const takeAll = (book: SettleBook): SettleLoad[] => {
  const loads: SettleLoad[] = []
  for (let load = book.take(); load !== undefined; load = book.take()) loads.push(load)
  return loads
}

describe("SettleBook", () => {
  it("sends every settle once, in ascending ranges that neither touch nor overlap", () => {
    const entry = fc.record({
      outcome: fc.constantFrom<Outcome>(...outcomes),
      epoch: fc.integer({ min: 1, max: 2 }),
      attempt: fc.integer({ min: 0, max: 2 }),
    })
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: 120 }),
        fc.array(entry, { minLength: 120, maxLength: 120 }),
        (sequences, entries) => {
          const book = new SettleBook()
          const heard: string[] = []
          const wanted = sequences.map((sequence, i) => {
            const { outcome, epoch, attempt } = entries[i]
            const waiter = waiterOf(sequence, sequence, heard)
            book.add(outcome, { epoch, attempt }, sequence, sequence, waiter)
            return `${outcome}/${epoch}/${attempt}/${sequence}`
          })
          const loads = takeAll(book)
          expect(loads.flatMap((load) => load.settles.flatMap(flat)).sort()).toEqual(wanted.sort())
          for (const { ranges } of loads.flatMap((load) => load.settles)) {
            for (let at = 2; at < ranges.length; at += 2) {
              expect(ranges[at]).toBeGreaterThan(ranges[at - 1] + 1)
            }
          }
          for (const load of loads) load.confirmed([])
          expect(heard.length).toBe(sequences.length)
          expect(book.isEmpty).toBe(true)
        },
      ),
    )
  })

  it("keeps each load within the ranges that one request may carry", () => {
    const book = new SettleBook()
    const heard: string[] = []
    const count = limits.settleRangesMax + 10
    for (let i = 0; i < count; i++) {
      book.add("ack", { epoch: 1, attempt: 0 }, 2 * i, 2 * i, waiterOf(2 * i, 2 * i, heard))
    }
    const loads = takeAll(book)
    expect(loads.map((load) => load.settles[0].ranges.length / 2)).toEqual([
      limits.settleRangesMax,
      10,
    ])
    loads[0].confirmed([])
    expect(heard.length).toBe(limits.settleRangesMax)
    loads[1].confirmed([[]])
    expect(heard.length).toBe(count)
  })

  it("takes for an answer nothing at all, or a list for each settle", () => {
    const book = new SettleBook()
    book.add("ack", { epoch: 1, attempt: 0 }, 1, 1, waiterOf(1, 1, []))
    book.add("fail", { epoch: 1, attempt: 0 }, 2, 2, waiterOf(2, 2, []))
    const [load] = takeAll(book)
    const answers = [[], [[]], [[], []], [[], [], []]]
    expect(answers.map((answer) => load.isAnsweredBy(answer))).toEqual([true, false, true, false])
  })

  it("keeps each load within the messages of one request, and cuts nobody in two", () => {
    const book = new SettleBook()
    const width = 4095
    const count = 40
    for (let i = 0; i < count; i++) {
      const first = 1 + i * width
      book.add(
        "ack",
        { epoch: 1, attempt: 0 },
        first,
        first + width - 1,
        waiterOf(first, first + width - 1, []),
      )
    }
    const loads = takeAll(book)
    const ranges = loads.flatMap((load) => load.settles.map((settle) => settle.ranges))
    expect(ranges).toEqual([
      [1, 16 * width],
      [16 * width + 1, 32 * width],
      [32 * width + 1, 40 * width],
    ])
    for (const [first, last] of ranges) {
      expect(last - first + 1).toBeLessThanOrEqual(limits.leasedPerSessionMax)
    }
  })

  it("keeps each load within the settles of one request", () => {
    const book = new SettleBook()
    const count = limits.settlesPerRequestMax + 1
    for (let i = 1; i <= count; i++) {
      book.add("ack", { epoch: 1, attempt: i }, i, i, waiterOf(i, i, []))
    }
    expect(takeAll(book).map((load) => load.settles.length)).toEqual([count - 1, 1])
  })

  it("tells those who wait for one settle what of it was lost", () => {
    const book = new SettleBook()
    const heard: string[] = []
    book.add("ack", { epoch: 1, attempt: 0 }, 1, 5, waiterOf(1, 5, heard))
    book.add("fail", { epoch: 1, attempt: 0 }, 9, 9, waiterOf(9, 9, heard))
    book.take()?.confirmed([[], [9, 9]])
    expect(heard).toEqual(["1:ok", "9:lost"])
  })
})
