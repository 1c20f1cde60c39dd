import { FastCheck } from "effect"
import { describe, expect, it } from "vitest"
import { hint, nearest } from "./nearest.js"

const known = ["declare", "delete", "list", "peek", "purge", "show"]

describe("nearest", () => {
  it.each([
    ["delcare", "declare"],
    ["DELETE", "delete"],
    ["lst", "list"],
    ["shwo", "show"],
    ["purg", "purge"],
  ])("%s means %s", (given, meant) => expect(nearest(given, known)).toBe(meant))

  it("has no idea of what is far from everything", () => {
    expect(nearest("subscribe", known)).toBeUndefined()
    expect(hint("subscribe", known)).toBe("")
  })

  it("takes case and separators for no slip", () => {
    expect(nearest("MESSAGES_MAX", ["messages-max", "bytes-max"])).toBe("messages-max")
  })

  it("finds a name through one change, wherever it is", () => {
    const place = FastCheck.nat({ max: 6 })
    FastCheck.assert(
      FastCheck.property(place, FastCheck.constantFrom("x", ""), (at, put) => {
        const slipped = `declare`.slice(0, at) + put + `declare`.slice(at + 1)
        expect(nearest(slipped, known)).toBe("declare")
      }),
    )
  })

  it("compares long input at bounded cost", () => {
    expect(nearest("x".repeat(10_000_000), known)).toBeUndefined()
  })
})
