import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { decodeSections, encodeSections } from "./RecordSections.js"

const safe = fc.nat({ max: Number.MAX_SAFE_INTEGER })

describe("RecordSections", () => {
  it("reads back what it wrote", () => {
    const section = fc.record({
      generation: safe,
      deleted: fc.boolean(),
      events: fc.uint8Array({ maxLength: 40 }),
    })
    fc.assert(
      fc.property(fc.array(section, { maxLength: 8 }), (sections) => {
        expect(decodeSections(encodeSections(sections))).toEqual(sections)
      }),
    )
  })

  it("has these bytes", () => {
    const bytes = encodeSections([{ generation: 3, deleted: false, events: Uint8Array.of(9, 8) }])
    expect(Buffer.from(bytes).toString("hex")).toBe("000000000000084000020000000908")
  })

  it("refuses a section that is cut", () => {
    const bytes = encodeSections([{ generation: 3, deleted: false, events: Uint8Array.of(9, 8) }])
    expect(() => decodeSections(bytes.subarray(0, bytes.length - 1))).toThrow("length or kind")
    expect(() => decodeSections(bytes.subarray(0, 5))).toThrow("is cut")
  })
})
