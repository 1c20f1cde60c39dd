/**
 * Owns: words that no file may hold. The patterns are built from pieces, so that this file and
 * its test do not hold them either.
 */
import type { Rule, Violation } from "../Violation.js"

interface Ban {
  readonly pattern: RegExp
  readonly files: RegExp
  readonly instead: string
}

const join = (...pieces: ReadonlyArray<string>): string => pieces.join("")
const everyText = /./
const code = /\.(ts|mjs)$/

export const unfinished: Rule = {
  promise: "nothing is left for later in a comment",
  check: banned([
    {
      pattern: new RegExp(join("\\b(TO", "DO|FIX", "ME)\\b")),
      files: everyText,
      instead: "do it now, or open an issue",
    },
  ]),
}

export const strangeWords: Rule = {
  promise: "no registry host, no path of one machine, no way around the compiler",
  check: banned([
    {
      pattern: new RegExp(join("registry\\.(npm", "js|yarn", "pkg)|npm", "mirror|jsr\\", ".io")),
      files: everyText,
      instead: "name no registry: npm's settings decide",
    },
    {
      pattern: new RegExp(
        join("(^|[\\s\"'`(=:])(/wo", "rk/|/ro", "ot/|/ho", "me/|/Us", "ers/|/t", "mp/|[A-Z]:\\\\)"),
      ),
      files: everyText,
      instead: "name no path of one machine: relative, or os.tmpdir()",
    },
    {
      pattern: new RegExp(join("@ts-", "(ignore|nocheck|expect-error)")),
      files: code,
      instead: "state the type",
    },
    {
      pattern: new RegExp(join("\\bPersi", "sted\\b")),
      files: code,
      instead: "the engine's message storage is not ours: journal it",
    },
  ]),
}

function banned(bans: ReadonlyArray<Ban>): Rule["check"] {
  return ({ files }) => {
    const violations: Violation[] = []
    for (const [path, text] of files) {
      const active = bans.filter((ban) => ban.files.test(path))
      text.split("\n").forEach((content, i) => {
        for (const { pattern, instead } of active) {
          const hit = pattern.exec(content)
          if (hit === null) continue
          violations.push({ path, line: i + 1, message: `"${hit[0].trim()}": ${instead}` })
        }
      })
    }
    return violations
  }
}
