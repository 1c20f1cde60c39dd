import { describe, expect, it } from "vitest"
import { check, workspace } from "../fixture.js"
import { dependencies } from "./dependencies.js"

const node = (given: Readonly<Record<string, string>>, folder = "packages/node") =>
  workspace(folder, { dependencies: given })

const named = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`d${i}`, "1.0.0"]))

describe("dependencies", () => {
  it("the twentieth runtime dependency is refused", () => {
    expect(check(dependencies, node(named(19)))).toEqual([])
    const lines = check(dependencies, node(named(20)))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain("packages: 20 runtime dependencies, fewer than 20 are allowed: d0,")
  })

  it("ours, and those of tests and the bench, do not count", () => {
    const files = {
      ...node({ ...named(19), "@skein/model": "0.1.0" }),
      ...node({ ...named(25) }, "bench"),
    }
    expect(check(dependencies, files)).toEqual([])
  })

  it("each is explained in ARCHITECTURE.md, by its whole name", () => {
    const given = { effect: "3.22.4", "@effect/rpc": "0.76.2" }
    const files = { ...node(given), "ARCHITECTURE.md": "We use `@effect/rpc` because.\n" }
    expect(check(dependencies, files)).toEqual([
      "ARCHITECTURE.md: does not say why effect is a runtime dependency",
    ])
  })

  it("versions are exact and the same everywhere", () => {
    const files = {
      ...node({ effect: "^3.22.4" }),
      ...node({ msgpackr: "2.1.3" }, "packages/queue"),
      ...node({ msgpackr: "2.1.2" }, "packages/wire"),
    }
    expect(check(dependencies, files)).toEqual([
      'packages/node/package.json: effect "^3.22.4": pin one version',
      "packages/wire/package.json: msgpackr 2.1.2, but 2.1.3 in packages/queue/package.json",
    ])
  })
})
