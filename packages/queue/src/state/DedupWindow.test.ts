import { FastCheck as fc } from "effect"
import { expect, it } from "vitest"
import { packDedup, unpackDedup } from "../codec/dedupChunk.js"
import { DedupWindow, dedupWords, hasDedupId } from "./DedupWindow.js"
import { Lanes } from "./Lanes.js"

const idOf = (number: number): Uint32Array => Uint32Array.of(number, 0, 7, number % 3)

it("finds what a map finds, through expiry and ids that come again", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(2), fc.nat(60), fc.nat(20)), { minLength: 50, maxLength: 200 }),
      (steps) => {
        const lanes = new Lanes()
        const window = new DedupWindow(lanes)
        const log: { readonly id: number; readonly atMs: number }[] = []
        let now = 0
        for (const [kind, id, more] of steps) {
          if (kind === 2) {
            // Fewer at once than may have expired: ids stay that count as absent.
            const untilMs = now - 30
            for (let left = more; left > 0 && log.length > 0 && log[0].atMs <= untilMs; left--) {
              log.shift()
            }
            window.expire(untilMs, more)
          } else {
            now += more
            log.push({ id, atMs: now })
            window.add(idOf(id), 0, now)
          }
          expect(window.stored).toBe(log.length)
          for (let probe = 0; probe <= 60; probe++) {
            const last = log.findLast((entry) => entry.id === probe)
            expect(window.lastSeen(idOf(probe), 0)).toBe(last?.atMs ?? -1)
          }
          expect(window.liveCount(now - 30)).toBe(log.filter(({ atMs }) => atMs > now - 30).length)
        }
        window.clear()
        expect([lanes.a, lanes.b, window.stored]).toEqual([0, 0, 0])
      },
    ),
    { numRuns: 25 },
  )
})

it("grows over chunks, restores from them, and drops those that expired", () => {
  const lanes = new Lanes()
  const window = new DedupWindow(lanes)
  for (let id = 1; id <= 10_000; id++) window.add(idOf(id), 0, id)
  expect(window.chunks.map(({ length }) => length)).toEqual([4096, 4096, 1808])
  for (const chunk of window.chunks) chunk.saved = true
  window.expire(5_000, 100_000)
  expect(window.gone).toEqual([0])
  const other = new Lanes()
  const restored = new DedupWindow(other)
  restored.head = window.head
  for (const chunk of window.chunks) restored.restore(unpackDedup(packDedup(chunk)))
  expect([other.a, other.b]).toEqual([lanes.a, lanes.b])
  expect(restored.lastSeen(idOf(5_000), 0)).toBe(-1)
  expect(restored.lastSeen(idOf(5_001), 0)).toBe(5_001)
  expect(restored.lastSeen(idOf(10_000), 0)).toBe(10_000)
})

it("reads columns in little-endian order; zeros stand for no id", () => {
  const column = new Uint8Array(32)
  column[17] = 1
  const words = dedupWords(column)
  expect([hasDedupId(words, 0), hasDedupId(words, 4), words[4]]).toEqual([false, true, 256])
})
