import { Cause, FiberId, FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { causeText } from "./causeText.js"
import { supervisionLimits } from "./limits.js"

describe("causeText", () => {
  it("names the tag and the message", () => {
    expect(causeText(Cause.fail({ _tag: "DiskFull", message: "no room" }))).toBe(
      "DiskFull: no room",
    )
    expect(causeText(Cause.die(new TypeError("x is not a function")))).toBe(
      "defect: TypeError: x is not a function",
    )
    expect(causeText(Cause.interrupt(FiberId.none))).toBe("interrupted")
    expect(causeText(Cause.empty)).toBe("empty cause")
    expect(causeText(Cause.parallel(Cause.fail("a"), Cause.die("b")))).toBe("defect: b")
  })

  it("survives values that resist being read", () => {
    const trap = {
      get message(): string {
        throw new Error("caught you")
      },
    }
    expect(causeText(Cause.die(trap))).toContain("cannot be read")
    expect(causeText(Cause.die(Object.create(null)))).toContain("an object")
    expect(causeText(Cause.die(Symbol("s")))).toBe("defect: Symbol(s)")
  })

  it("is one bounded line without control characters, whatever was thrown", () => {
    expect(causeText(Cause.die("\u001b[2Jwiped\nand\u202egone"))).toBe("defect:  [2Jwiped and gone")
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true }), (value) => {
        const text = causeText(Cause.die(value))
        expect(text.length).toBeLessThanOrEqual(supervisionLimits.causeCharsMax)
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}]/u)
      }),
    )
    expect(causeText(Cause.fail("x".repeat(5_000_000))).length).toBe(
      supervisionLimits.causeCharsMax,
    )
  })
})
