// Owns: comment lines over 100 columns, which biome's formatter leaves as they are.
// `npm run format` wraps them into the next line of their paragraph. It touches whole-line
// comments of prose only: no code, no list items' structure, no drawings.
//
//   node .ci/wrapComments.mjs     every .ts and .mjs file of the house
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { root } from "./Child.mjs"

const columnsMax = 100
const skipped = /(^|\/)(node_modules|dist|\.turbo|\.git)(\/|$)/

/** The text with its long comment lines wrapped. */
export function wrapComments(text) {
  const lines = text.split("\n")
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]
    if (width(line) <= columnsMax) continue
    const single = /^(\s*)\/\*\* (.*) \*\/$/.exec(line)
    if (single !== null) {
      const [, indent, prose] = single
      // The loop comes to the new middle line next.
      lines.splice(i, 1, `${indent}/**`, `${indent} * ${prose}`, `${indent} */`)
    } else wrapLine(lines, i)
  }
  return lines.join("\n")
}

/** Moves what is too much of line `i` to the line below, or to a new one. */
function wrapLine(lines, i) {
  const match = proseOf(lines[i])
  if (match === undefined || / {3}|[│┌└├─]/.test(match.prose)) return
  const cut = [...lines[i]]
    .slice(0, columnsMax + 1)
    .join("")
    .lastIndexOf(" ")
  if (cut <= match.lead.length) return
  const rest = lines[i].slice(cut + 1)
  const lead = match.isItem ? `${match.lead}  ` : match.lead
  lines[i] = lines[i].slice(0, cut)
  const next = proseOf(lines[i + 1] ?? "")
  const goesOn = next !== undefined && !next.isItem && next.lead === lead && !/[.:]$/.test(rest)
  if (goesOn) lines[i + 1] = `${lead}${rest} ${next.prose}`
  else lines.splice(i + 1, 0, `${lead}${rest}`)
}

function proseOf(line) {
  const match = /^(\s*(?:\*|\/\/) +)((?:-|\d+\.) )?([\p{L}\p{N}"'`({[].*)$/u.exec(line)
  if (match === null) return undefined
  const [, lead, item, prose] = match
  return { lead, isItem: item !== undefined, prose }
}

function width(line) {
  return [...line].length
}

function main() {
  for (const file of readdirSync(root, { recursive: true })) {
    if (skipped.test(file) || !/\.(ts|mjs)$/.test(file)) continue
    const path = join(root, file)
    const before = readFileSync(path, "utf8")
    const after = wrapComments(before)
    if (after !== before) writeFileSync(path, after)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main()
