/** The house rules, held against this repository. A failure lists `path:line: what to do`. */
import { resolve } from "node:path"
import { describe, it } from "vitest"
import { readRepository } from "./Repository.js"
import { rules } from "./rules/index.js"
import { showAll } from "./Violation.js"

const repository = readRepository(resolve(import.meta.dirname, "../../.."))

describe("the repository keeps its house rules", () => {
  for (const rule of rules) {
    it(rule.promise, () => {
      const violations = showAll(rule.check(repository))
      // Not a comparison of arrays: its report would cut the list short.
      if (violations.length > 0) throw new Error(`\n${violations.join("\n")}`)
    })
  }
})
