import { FastCheck as fc, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { limits } from "./limits.js"
import { QueueName, queueNameProblem } from "./QueueName.js"

const isName = Schema.is(QueueName)

describe("queue names", () => {
  it.each(["a", "0", "orders", "Orders.eu-west_1:retry", "x".repeat(limits.queueNameBytesMax)])(
    "%s is one",
    (name) => {
      expect(queueNameProblem(name)).toBeUndefined()
      expect(isName(name)).toBe(true)
    },
  )

  it.each([
    ["", "cannot be empty"],
    ["x".repeat(limits.queueNameBytesMax + 1), "at most 255 bytes"],
    [".a", "starts and ends"],
    ["a-", "starts and ends"],
    ["-", "starts and ends"],
    ["a b", "character 2"],
    ["a/b", "character 2"],
    ["../a", "starts and ends"],
    ["a\u0000", "character 2"],
    ["a\n", "character 2"],
    ["\u001b[31m", "character 1"],
    ["a\u202eb", "character 2"],
    ["naïve", "character 3"],
    ["a\ud800", "character 2"],
  ])("N11: %j is none, and the reason is said", (name, reason) => {
    expect(queueNameProblem(name)).toContain(reason)
    expect(isName(name)).toBe(false)
  })

  it("N11: takes what the rule says and nothing else, and repeats no name in its reason", () => {
    const likely = fc.string({ unit: fc.constantFrom(..."aZ09._-: /\n\u001b") })
    const rule = /^[A-Za-z0-9]([A-Za-z0-9._:-]{0,253}[A-Za-z0-9])?$/
    fc.assert(
      fc.property(fc.oneof(likely, fc.string({ unit: "binary" })), (name) => {
        const problem = queueNameProblem(name)
        expect(problem === undefined).toBe(rule.test(name) && !name.endsWith("\n"))
        if (problem !== undefined) expect(problem).toMatch(/^[ -~]+$/)
      }),
      { numRuns: 1_000 },
    )
  })
})
