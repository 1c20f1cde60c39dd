import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { bareHead, bareHeadBytes, bareKind, FrameReader } from "./BareFrame.js"

const frameOf = (kind: number, count: number, body: Uint8Array): Buffer =>
  Buffer.concat([bareHead(kind, count, body.length), body])

describe("FrameReader", () => {
  it("finds the same frames however the bytes are cut", () => {
    const frame = fc.record({
      kind: fc.constantFrom(...Object.values(bareKind)),
      count: fc.integer({ min: 0, max: 10_000 }),
      body: fc.uint8Array({ maxLength: 40 }),
    })
    const input = fc.tuple(fc.array(frame), fc.array(fc.integer({ min: 1, max: 30 })))
    fc.assert(
      fc.property(input, ([frames, cuts]) => {
        const bytes = Buffer.concat(frames.map((f) => frameOf(f.kind, f.count, f.body)))
        const reader = new FrameReader()
        const found: { kind: number; count: number; body: Uint8Array }[] = []
        let at = 0
        for (const cut of [...cuts, bytes.length]) {
          reader.read(bytes.subarray(at, at + cut), (kind, count, whole) => {
            found.push({ kind, count, body: new Uint8Array(whole.subarray(bareHeadBytes)) })
          })
          at = Math.min(bytes.length, at + cut)
        }
        expect(found).toEqual(frames.map((f) => ({ ...f, body: new Uint8Array(f.body) })))
      }),
    )
  })

  it("refuses a count that does not fit", () => {
    expect(() => bareHead(1, 0x1_00_00_00, 1)).toThrow("at most")
  })
})
