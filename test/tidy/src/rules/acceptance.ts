/**
 * Owns: that test/ACCEPTANCE.md tells the truth: each row names tests that exist.
 * A row is `| id | bullet | file › test name |`; several tests are parted by `<br>`, and
 * `file › suite › test` names a test in a suite.
 */
import type { Rule, Violation } from "../Violation.js"

const path = "test/ACCEPTANCE.md"

export const acceptance: Rule = {
  promise: `each row of ${path} names tests that exist`,
  check: ({ files }) => {
    const text = files.get(path)
    if (text === undefined) return [{ path, message: "is missing" }]
    const seen = new Map<string, number>()
    const violations: Violation[] = []
    text.split("\n").forEach((content, i) => {
      const line = i + 1
      const row = rowOf(content)
      if (row === undefined) return
      const first = seen.get(row.id)
      if (first !== undefined) {
        violations.push({ path, line, message: `${row.id} is also in line ${first}` })
      }
      seen.set(row.id, line)
      for (const test of row.tests) {
        const message = missing(test, files)
        if (message !== undefined) violations.push({ path, line, message: `${row.id}: ${message}` })
      }
    })
    if (seen.size === 0) violations.push({ path, message: "has no row" })
    return violations
  },
}

interface Row {
  readonly id: string
  readonly tests: ReadonlyArray<string>
}

function rowOf(content: string): Row | undefined {
  if (!content.startsWith("|")) return undefined
  // A bar inside a cell is written \|.
  const cells = content
    .replaceAll("\\|", "\u0000")
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.replaceAll("\u0000", "|").trim())
  const [id = "", , tests = ""] = cells
  if (id === "id" || /^:?-+:?$/.test(id)) return undefined
  return { id, tests: tests.split("<br>").map((test) => test.trim().replace(/^`|`$/g, "")) }
}

/** Why a named test does not exist, or undefined if it does. */
function missing(test: string, files: ReadonlyMap<string, string>): string | undefined {
  const [file = "", ...names] = test.split("›").map((part) => part.trim())
  if (names.length === 0) return `"${test}" is not "file › test name"`
  const text = files.get(file)
  if (text === undefined) return `${file} does not exist`
  const absent = names.find((name) => name === "" || !text.includes(name))
  return absent === undefined ? undefined : `${file} has no test "${absent}"`
}
