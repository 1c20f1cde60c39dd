/** Owns: that every source can be judged at all: one that does not parse would pass all rules. */
import type { Rule } from "../Violation.js"

export const syntax: Rule = {
  promise: "every source parses",
  check: ({ sources }) =>
    sources.flatMap(({ path, syntaxErrors }) => syntaxErrors.map((message) => ({ path, message }))),
}
