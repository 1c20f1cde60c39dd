/**
 * Owns: reading a command line by the grammar, strictly: options stand anywhere, unknown words name
 * the nearest known one, a secret in the arguments is refused without being repeated.
 * Must not know: settings' other sources, what commands do.
 */
import type { CommandSpec, OptionSpec } from "../grammar/Grammar.js"
import { hint } from "../grammar/nearest.js"
import { parseValue, quote, type Value } from "../grammar/ValueKind.js"
import { Invocation } from "./Invocation.js"
import { UsageError } from "./UsageError.js"

interface Given {
  readonly spec: OptionSpec
  /** As it was written, with its dashes. */
  readonly shown: string
  readonly text: string
}

/** Reads the arguments after `skein`. Throws UsageError. */
export const parseArguments = (root: CommandSpec, argv: readonly string[]): Invocation => {
  const known = optionsBelow(root)
  const path: string[] = []
  const args: string[] = []
  const given: Given[] = []
  let command = root
  let at = 0
  while (at < argv.length) {
    const token = argv[at]
    at += 1
    if (token === "--") {
      args.push(...argv.slice(at))
      break
    }
    if (token.startsWith("-") && token !== "-") {
      const option = readOption(token, argv[at], known, command)
      if (option.tookNext) at += 1
      given.push(option)
    } else if (command.commands === undefined) {
      args.push(token)
    } else {
      command = childOf(command, path, token)
      path.push(token)
    }
    if (command.passesOn === true) {
      return new Invocation(command, path, new Map(), argv.slice(at))
    }
  }
  if (command.commands !== undefined) throw missingCommand(command, path)
  checkArguments(command, path, args)
  return new Invocation(command, path, valuesOf(command, path, given), args)
}

/** Every option that some command below takes, by its written forms. */
const optionsBelow = (command: CommandSpec): ReadonlyMap<string, OptionSpec> => {
  const known = new Map<string, OptionSpec>()
  const add = ({ options, commands = [] }: CommandSpec): void => {
    for (const option of options) {
      known.set(`--${option.name}`, option)
      if (option.alias !== undefined) known.set(`-${option.alias}`, option)
    }
    for (const child of commands) add(child)
  }
  add(command)
  return known
}

const readOption = (
  token: string,
  following: string | undefined,
  known: ReadonlyMap<string, OptionSpec>,
  command: CommandSpec,
): Given & { readonly tookNext: boolean } => {
  const joined = readJoined(token, known)
  if (joined !== undefined) return { ...joined, tookNext: false }
  const equals = token.indexOf("=")
  const shown = equals < 0 ? token : token.slice(0, equals)
  refuseSecret(shown)
  const spec = known.get(shown)
  if (spec === undefined) {
    const names = command.commands === undefined ? formsOf(command) : known.keys()
    throw new UsageError(`unknown option ${shorten(shown)}.${hint(shown, names)}`)
  }
  if (equals >= 0) return { spec, shown, text: token.slice(equals + 1), tookNext: false }
  if (spec.value.kind === "switch") return { spec, shown, text: "true", tookNext: false }
  // A value may begin with one dash (-1 is judged by its bounds); two dashes begin an option.
  if (following === undefined || following.startsWith("--")) {
    throw new UsageError(`${shown} needs a value.`)
  }
  return { spec, shown, text: following, tookNext: true }
}

/** `-n3`: one letter with its value behind it; `-n=3` is read as all options are. */
const readJoined = (token: string, known: ReadonlyMap<string, OptionSpec>): Given | undefined => {
  const shown = token.slice(0, 2)
  const spec = known.get(shown)
  if (spec === undefined || spec.value.kind === "switch") return undefined
  if (token.length === 2 || token[2] === "=") return undefined
  return { spec, shown, text: token.slice(2) }
}

const secretNames = ["--token", "--password", "--secret", "--api-key"]

const refuseSecret = (shown: string): void => {
  if (!secretNames.includes(shown)) return
  throw new UsageError(
    `${shown} is refused: arguments can be read by every process of this machine.`,
    "Use --token-file FILE, or the variable SKEIN_TOKEN.",
  )
}

const childOf = (command: CommandSpec, path: readonly string[], word: string): CommandSpec => {
  const children = command.commands ?? []
  const child = children.find(({ name }) => name === word)
  if (child !== undefined) return child
  const names = children.map(({ name }) => name)
  const where = ["skein", ...path].join(" ")
  const meant = hint(word, names)
  throw new UsageError(
    `unknown command ${shorten(word)} of \`${where}\`.${meant}`,
    meant === "" ? `Commands: ${names.join(", ")}.` : undefined,
  )
}

const missingCommand = (command: CommandSpec, path: readonly string[]): UsageError => {
  const names = (command.commands ?? []).map(({ name }) => name).join(", ")
  return new UsageError(`\`${["skein", ...path].join(" ")}\` needs a command: ${names}.`)
}

const checkArguments = (
  command: CommandSpec,
  path: readonly string[],
  args: readonly string[],
): void => {
  const shown = `\`skein ${path.join(" ")}\``
  const needed = command.arguments.filter(({ count }) => count === "one")
  const missing = needed[args.length]
  if (missing !== undefined) throw new UsageError(`${shown} needs ${missing.name}.`)
  const empty = needed.find((_, at) => args[at] === "")
  if (empty !== undefined) throw new UsageError(`${empty.name} is empty.`)
  const takesMore = command.arguments.some(({ count }) => count === "any")
  const extra = args[needed.length]
  if (takesMore || extra === undefined) return
  throw new UsageError(`${shown} does not take ${shorten(extra)}.`)
}

const valuesOf = (
  command: CommandSpec,
  path: readonly string[],
  given: readonly Given[],
): ReadonlyMap<string, readonly Value[]> => {
  const values = new Map<string, Value[]>()
  for (const { spec, shown, text } of given) {
    if (!command.options.some(({ name }) => name === spec.name)) {
      const meant = hint(shown, formsOf(command))
      throw new UsageError(`${shown} is no option of \`skein ${path.join(" ")}\`.${meant}`)
    }
    const parsed = parseValue(spec.value, text)
    if ("problem" in parsed) throw new UsageError(`${shown} ${parsed.problem}.`)
    const there = values.get(spec.name)
    if (there === undefined) values.set(spec.name, [parsed.value])
    else if (spec.repeated === true) there.push(parsed.value)
    else throw new UsageError(`${shown} is given twice.`)
  }
  return values
}

const formsOf = ({ options }: CommandSpec): string[] => options.map(({ name }) => `--${name}`)

const shorten = (text: string): string => quote(text).slice(1, -1)
