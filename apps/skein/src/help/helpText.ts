/** Owns: `skein --help` and `skein COMMAND --help`, from the grammar, within 80 columns. */
import { exitCodeTable } from "../exitCodes.js"
import type { CommandSpec, OptionSpec } from "../grammar/Grammar.js"
import { describeKind, type ValueKind } from "../grammar/ValueKind.js"
import type { Terminal } from "../output/Terminal.js"

type Paint = Pick<Terminal, "paintOut">

/** The help of the command at `path`; of all commands for an empty one. */
export const helpText = (
  paint: Paint,
  root: CommandSpec,
  version: string,
  path: readonly string[],
): string => {
  const command = commandAt(root, path)
  const name = ["skein", ...path].join(" ")
  const title = path.length === 0 ? `skein ${version}: ${command.help}` : command.help
  const sections =
    command.commands === undefined
      ? commandSections(command, name)
      : groupSections(command, path, name)
  const shown = sections.map(({ title: head, lines }) =>
    [paint.paintOut("bold", head), ...lines.map((line) => `  ${line}`.trimEnd()), ""].join("\n"),
  )
  return [...fold(title, columns), "", ...shown].join("\n")
}

interface Section {
  readonly title: string
  readonly lines: readonly string[]
}

const columns = 80

const commandAt = (root: CommandSpec, path: readonly string[]): CommandSpec => {
  let command = root
  for (const word of path) {
    command = command.commands?.find(({ name }) => name === word) ?? command
  }
  return command
}

const groupSections = (
  group: CommandSpec,
  path: readonly string[],
  name: string,
): readonly Section[] => {
  const leaves = leavesOf(group, path)
  const common = [
    ["skein COMMAND --help", "A command's options."],
    ["skein --completions SHELL", "A completion script for bash, fish or zsh."],
    ["skein COMMAND --wizard", "Ask for each argument."],
    ["skein --version", "The version."],
  ] as const
  const codes = exitCodeTable.map(([code, meaning]) => [String(code), meaning] as const)
  return [
    { title: "Usage", lines: [`${name} COMMAND [OPTIONS]`] },
    { title: "Commands", lines: pairs(leaves) },
    ...(path.length > 0
      ? []
      : [
          { title: "More", lines: pairs(common) },
          {
            title: "Settings",
            lines: fold(
              "Flag, then environment (SKEIN_PORT for --port), then skein.json, then default; " +
                "`skein config` shows each with its source.",
              columns - 2,
            ),
          },
          { title: "Exit codes", lines: pairs(codes) },
        ]),
  ]
}

const leavesOf = (
  { commands = [] }: CommandSpec,
  path: readonly string[],
): (readonly [string, string])[] =>
  commands.flatMap((command) => {
    const below = [...path, command.name]
    const args = command.arguments.map(({ name, count }) => (count === "any" ? `[${name}…]` : name))
    return command.commands === undefined
      ? [[[...below, ...args].join(" "), command.help] as const]
      : leavesOf(command, below)
  })

const commandSections = (command: CommandSpec, name: string): readonly Section[] => {
  const args = command.arguments.map(({ name: arg, count }) =>
    count === "any" ? `[${arg}…]` : arg,
  )
  const options = command.options.length > 0 ? ["[OPTIONS]"] : []
  const usage = { title: "Usage", lines: [[name, ...args, ...options].join(" ")] }
  const described = command.arguments.map((arg) => [arg.name, arg.help] as const)
  return [
    usage,
    ...(described.length > 0 ? [{ title: "Arguments", lines: pairs(described) }] : []),
    ...(command.options.length > 0
      ? [{ title: "Options", lines: pairs(command.options.map(optionPair)) }]
      : []),
  ]
}

const optionPair = (option: OptionSpec): readonly [string, string] => {
  const { name, alias, value, help } = option
  const form = `--${name}${value.kind === "switch" ? "" : ` ${placeholderOf(value)}`}`
  const bounds = hasBounds(value) ? ` (${describeKind(value)})` : ""
  return [alias === undefined ? `    ${form}` : `-${alias}, ${form}`, `${help}${bounds}`]
}

const hasBounds = ({ kind }: ValueKind): boolean =>
  kind === "integer" || kind === "duration" || kind === "bytes"

export const placeholderOf = (value: ValueKind): string => {
  switch (value.kind) {
    case "text":
      return value.placeholder
    case "pair":
      return "NAME=VALUE"
    case "choice":
      return value.choices.join("|")
    case "integer":
      return "N"
    case "bytes":
      return "SIZE"
    default:
      return value.kind.toUpperCase()
  }
}

/** Two columns; the second is folded, and begins on a line of its own where the first is wide. */
const pairs = (rows: readonly (readonly [string, string])[]): readonly string[] => {
  const widest = rows.reduce((width, [left]) => Math.max(width, left.length), 0)
  const width = Math.min(widest, 32) + 2
  return rows.flatMap(([left, right]) => {
    const folded = fold(right, columns - width - 2)
    const [first = "", ...others] = folded
    const rest = others.map((line) => " ".repeat(width) + line)
    if (left.length + 2 > width) return [left, " ".repeat(width) + first, ...rest]
    return [left.padEnd(width) + first, ...rest]
  })
}

const fold = (text: string, width: number): string[] => {
  const lines: string[] = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line]
}
