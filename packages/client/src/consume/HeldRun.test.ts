import { encodeFrame } from "@skein/wire"
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { HeldRun, lost, settled } from "./HeldRun.js"

const runOf = (chosen: readonly boolean[]): HeldRun => {
  const count = chosen.filter(Boolean).length
  const selection = new Uint8Array(Math.ceil(chosen.length / 8))
  chosen.forEach((isIn, i) => {
    if (isIn) selection[i >> 3] |= 1 << (i & 7)
  })
  return new HeldRun({
    epoch: 1,
    attempt: 0,
    failed: 0,
    returned: 0,
    redelivered: false,
    first: 100,
    last: 100 + chosen.length - 1,
    ...(count < chosen.length ? { selection } : {}),
    frame: encodeFrame(Array.from({ length: count }, (_, i) => ({ body: Uint8Array.of(i) }))),
  })
}

const held = (run: HeldRun): number[] => {
  const sequences: number[] = []
  run.heldRanges((first, last) => {
    for (let sequence = first; sequence <= last; sequence++) sequences.push(sequence)
  })
  return sequences
}

describe("HeldRun", () => {
  it("holds just what is selected and neither settled nor lost", () => {
    fc.assert(
      fc.property(
        fc
          .array(fc.boolean(), { minLength: 1, maxLength: 40 })
          .filter((bits) => bits.includes(true)),
        fc.array(fc.tuple(fc.nat(39), fc.constantFrom(settled, lost)), { maxLength: 40 }),
        (chosen, marks) => {
          const run = runOf(chosen)
          const expected = chosen.flatMap((isIn, i) => (isIn ? [100 + i] : []))
          expect(held(run)).toEqual(expected)
          const gone = new Set<number>()
          for (const [index, state] of marks) {
            if (index >= run.count) continue
            const sequence = run.sequence(index)
            expect(run.mark(index, state)).toBe(!gone.has(sequence))
            gone.add(sequence)
          }
          expect(held(run)).toEqual(expected.filter((sequence) => !gone.has(sequence)))
          expect(run.held).toBe(expected.length - gone.size)
          run.markAll()
          expect([run.held, held(run)]).toEqual([0, []])
          expect(run.mark(0, settled)).toBe(false)
        },
      ),
    )
  })

  it("refuses a frame that does not hold what was announced", () => {
    const frame = encodeFrame([{ body: Uint8Array.of(1) }])
    const run = { epoch: 1, attempt: 0, failed: 0, returned: 0, redelivered: false, first: 1 }
    expect(() => new HeldRun({ ...run, last: 2, frame })).toThrow(/SKEIN_PROTOCOL_ERROR/)
    expect(() => new HeldRun({ ...run, last: 1, frame: frame.subarray(1) })).toThrow(/PROTOCOL/)
  })
})
