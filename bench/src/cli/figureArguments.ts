/** `npm run figures -- …`: text to a choice of figures. Pure. */
import { parseArgs } from "node:util"
import type { Figure } from "../figures/Figure.js"
import { didYouMean } from "./nearest.js"
import { UsageError } from "./UsageError.js"

export interface FigureChoice {
  readonly group: string
  readonly figures: readonly Figure[]
  readonly quick: boolean
  /** A file, or "-" for standard output. */
  readonly json?: string
}

const flags = ["group", "only", "json", "quick", "help"]

/** A string is a text to print instead. An unknown group or figure is refused. */
export const parseFigureArguments = (
  args: readonly string[],
  all: readonly Figure[],
): FigureChoice | string => {
  const { values, tokens, positionals } = parseArgs({
    args: [...args],
    options: {
      group: { type: "string" },
      only: { type: "string" },
      json: { type: "string" },
      quick: { type: "boolean" },
      help: { type: "boolean" },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  for (const token of tokens) {
    if (token.kind !== "option" || flags.includes(token.name)) continue
    throw new UsageError(`unknown flag ${token.rawName}.${didYouMean(token.name, flags, "--")}`)
  }
  if (positionals.length > 0) throw new UsageError(`unexpected "${positionals[0]}"`)
  if (values.help === true) return helpText(all)
  const only = wordOf("only", values.only)
  const group = wordOf("group", values.group) ?? groupOf(only, all)
  const json = values.json === true ? "-" : wordOf("json", values.json)
  return {
    group,
    figures: select(group, only, all),
    quick: values.quick === true,
    ...(json === undefined ? {} : { json }),
  }
}

const wordOf = (name: string, value: string | boolean | undefined): string | undefined => {
  if (value === undefined) return undefined
  if (typeof value === "string" && value !== "") return value
  throw new UsageError(`--${name} needs a value`)
}

/** The group of the first figure asked for; the node's by default. */
const groupOf = (only: string | undefined, all: readonly Figure[]): string => {
  const first = only?.split(",")[0]?.toUpperCase()
  return all.find(({ id }) => id === first)?.group ?? "node"
}

const select = (
  group: string,
  only: string | undefined,
  all: readonly Figure[],
): readonly Figure[] => {
  const groups = [...new Set(all.map((figure) => figure.group))]
  const found = all.filter((figure) => figure.group === group)
  if (found.length === 0) {
    throw new UsageError(
      `no group "${group}".${didYouMean(group, groups)} Known: ${groups.join(", ")}`,
    )
  }
  if (only === undefined) return found
  return only.split(",").map((word) => {
    const figure = found.find(({ id }) => id === word.trim().toUpperCase())
    if (figure) return figure
    const ids = found.map(({ id }) => id)
    throw new UsageError(
      `no figure "${word}" in group ${group}.${didYouMean(word, ids)} Known: ${ids.join(", ")}`,
    )
  })
}

const helpText = (all: readonly Figure[]): string =>
  [
    "npm run figures -- [--group G] [--only ID,ID] [--json F] [--quick]",
    "",
    ...all.map(({ id, group, asked }) => `  ${id.padEnd(6)}${group.padEnd(10)}${asked}`),
    "",
    "  --json F   writes the outcomes (- for standard output)",
    "  --quick    short runs: shows that a figure can be measured, not what it is",
    "",
    "Exit codes: 0 all ok, 1 a miss, 2 wrong usage.",
  ].join("\n")
