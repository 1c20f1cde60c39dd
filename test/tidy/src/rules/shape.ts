/** Owns: what lies where and how large it may be. */
import { giants, sizes, topLevel } from "../House.js"
import type { Rule, Violation } from "../Violation.js"

export const topLevelNames: Rule = {
  promise: "the top level holds the agreed names only",
  check: ({ files }) => {
    const names = new Set([...files.keys()].map((path) => path.split("/")[0] as string))
    return [...names]
      .filter((name) => !name.startsWith(".") && !topLevel.includes(name))
      .map((name) => ({ path: name, message: "does not belong at the top level" }))
  },
}

export const fileSizes: Rule = {
  promise: `a source has at most ${sizes.sourceLinesMax} lines, a test ${sizes.testLinesMax}`,
  check: ({ files }) =>
    [...files].flatMap(([path, text]) => {
      if (!/\.(ts|mjs)$/.test(path)) return []
      const max = path.endsWith(".test.ts") ? sizes.testLinesMax : sizes.sourceLinesMax
      const lines = linesOf(text).length
      if (lines <= max) return []
      return [{ path, message: `${lines} lines, at most ${max}: split it by noun or command` }]
    }),
}

export const columns: Rule = {
  promise: `a line has at most ${sizes.columnsMax} columns`,
  check: ({ files }) =>
    [...files].flatMap(([path, text]) =>
      /\.(ts|mjs)$/.test(path)
        ? linesOf(text).flatMap((line, i) => {
            const width = [...line].length
            if (width <= sizes.columnsMax || line.includes("https://")) return []
            return [{ path, line: i + 1, message: `${width} columns` }]
          })
        : [],
    ),
}

/** With the ratchet: a known giant may shrink, then its entry must follow. */
export function functionSizesWith(known: Readonly<Record<string, number>>): Rule {
  return {
    promise: `a function has at most ${sizes.functionLinesMax} lines; known giants only shrink`,
    check: ({ sources }) => {
      const met = new Set<string>()
      const violations = sources.flatMap((source) =>
        source.functions.flatMap(({ name, line, lines }): Violation[] => {
          if (lines <= sizes.functionLinesMax) return []
          const key = `${source.path} › ${name}`
          met.add(key)
          const allowed = known[key] ?? sizes.functionLinesMax
          if (lines > allowed) {
            return [
              { path: source.path, line, message: `${name}: ${lines} lines, at most ${allowed}` },
            ]
          }
          if (lines === allowed) return []
          return [
            { path: source.path, line, message: `${name} shrank: lower its giant to ${lines}` },
          ]
        }),
      )
      const gone = Object.keys(known).filter((key) => !met.has(key))
      return [
        ...violations,
        ...gone.map((key) => ({ path: key, message: "is no giant any more: drop its entry" })),
      ]
    },
  }
}

export const functionSizes = functionSizesWith(giants)

export const readmes: Rule = {
  promise: `each package that has begun has a README.md of at most ${sizes.readmeLinesMax} lines`,
  check: ({ files, workspaces }) =>
    workspaces
      .filter(({ folder, isBegun }) => isBegun && folder.startsWith("packages/"))
      .flatMap(({ folder }) => {
        const path = `${folder}/README.md`
        const text = files.get(path)
        if (text === undefined) {
          const message = "is missing: what it owns, must not know, invariants, how it is tested"
          return [{ path, message }]
        }
        const lines = linesOf(text).length
        if (lines <= sizes.readmeLinesMax) return []
        return [{ path, message: `${lines} lines, at most ${sizes.readmeLinesMax}` }]
      }),
}

function linesOf(text: string): ReadonlyArray<string> {
  return text.replace(/\n$/, "").split("\n")
}
