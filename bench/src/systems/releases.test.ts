import { describe, expect, it } from "vitest"
import { lineReleased, yearsSince } from "./releases.js"

describe("releases", () => {
  it("knows lines, not every version", () => {
    expect(lineReleased("redis", "7.0.15")).toBe("2022-04")
    expect(lineReleased("rabbitmq", "3.10.8")).toBe("2022-05")
    expect(lineReleased("redis", "99.1.0")).toBeUndefined()
    expect(lineReleased("nobody", "1.0.0")).toBeUndefined()
  })

  it("gives an age in years", () => {
    expect(yearsSince("2022-04", new Date("2026-11-21T00:00:00Z"))).toBe(4.6)
  })
})
