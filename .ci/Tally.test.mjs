import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { tally } from "./Tally.mjs"

/** A module as vitest reports it; `tests` maps names to results. */
function moduleOf(tests, { errors = [], suites = [] } = {}) {
  return {
    moduleId: "a.test.ts",
    errors: () => errors,
    children: {
      allTests: () =>
        Object.entries(tests).map(([fullName, result]) => ({ fullName, result: () => result })),
      allSuites: () => suites.map((fullName) => ({ fullName, errors: () => [new Error("no")] })),
    },
  }
}

function tallyOf(modules, context = {}) {
  const nothing = { checksFailed: 0, isFiltered: false, strayErrors: 0 }
  return tally(modules, { fileOf: (id) => id, ...nothing, ...context })
}

const passed = { state: "passed" }
const failed = { state: "failed" }

describe("the closing line", () => {
  it("counts and closes", () => {
    const skipped = { state: "skipped", note: "no PostgreSQL here" }
    const modules = [moduleOf({ one: passed, two: failed }), moduleOf({ three: skipped })]
    expect(tallyOf(modules).closing).toBe("1 passed, 1 failed, 1 skipped")
  })

  it("prints the reason of a skip", () => {
    const skipped = { state: "skipped", note: "no PostgreSQL here" }
    const result = tallyOf([moduleOf({ one: passed, two: skipped })])
    expect(result.lines).toEqual(["skipped: a.test.ts › two: no PostgreSQL here"])
    expect(result.failed).toBe(0)
  })

  it("a skip without a reason fails the run", () => {
    const result = tallyOf([moduleOf({ one: passed, two: { state: "skipped" } })])
    expect(result.closing).toBe("1 passed, 1 failed, 0 skipped")
    expect(result.lines).toEqual(["failed: a.test.ts › two: not executed, and no reason given"])
  })

  it("a test that was not asked for by name is no skip", () => {
    const modules = [moduleOf({ one: passed, two: { state: "skipped" } })]
    expect(tallyOf(modules, { isFiltered: true }).closing).toBe("1 passed, 0 failed, 0 skipped")
  })

  it("a file that cannot be loaded fails the run", () => {
    const result = tallyOf([moduleOf({}, { errors: [new Error("no")] }), moduleOf({ one: passed })])
    expect(result.closing).toBe("1 passed, 1 failed, 0 skipped")
    expect(result.lines).toEqual(["failed: a.test.ts could not be loaded"])
  })

  it("a suite that cannot be set up fails the run", () => {
    const result = tallyOf([moduleOf({ one: passed }, { suites: ["s"] })])
    expect(result.lines).toEqual(["failed: a.test.ts › s: could not be set up or torn down"])
  })

  it("a run without a test fails", () => {
    expect(tallyOf([]).closing).toBe("0 passed, 1 failed, 0 skipped")
  })

  it("stray errors and failed checks fail the run", () => {
    const result = tallyOf([moduleOf({ one: passed })], { checksFailed: 1, strayErrors: 2 })
    expect(result.closing).toBe("1 passed, 3 failed, 0 skipped")
  })
})

it("no test task is cached", () => {
  const turbo = JSON.parse(readFileSync(new URL("../turbo.json", import.meta.url), "utf8"))
  const tests = Object.keys(turbo.tasks).filter((name) => /test$/.test(name))
  expect(tests).toEqual(["test"])
  for (const name of tests) expect(turbo.tasks[name].cache).toBe(false)
})
