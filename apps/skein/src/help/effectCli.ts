/**
 * Owns: completion scripts and the wizard, by @effect/cli over the same grammar that the parser
 * reads. It is loaded only when one of them is asked for: a node does not carry it.
 */
import { Args, Command, Options } from "@effect/cli"
import { Console, Effect, Option } from "effect"
import type { ArgumentSpec, CommandSpec, OptionSpec } from "../grammar/Grammar.js"
import { NodeContext } from "../Platform.js"
import { placeholderOf } from "./helpText.js"

export type Shell = "bash" | "fish" | "zsh"

/** A script that completes `skein` in that shell. */
export const completionScript = async (root: CommandSpec, shell: Shell): Promise<string> => {
  const written: string[] = []
  const program = app(
    toCommand(root, [], async () => {}),
    "",
  )(words(["--completions", shell]))
  await Effect.runPromise(
    program.pipe(Effect.withConsole(collecting(written)), Effect.provide(NodeContext.layer)),
  )
  return repaired(`${written.join("\n")}\n`)
}

/** Asks for the arguments of the command at `path`, and runs it; answers its exit code. */
export const runWizard = async (
  root: CommandSpec,
  version: string,
  path: readonly string[],
  execute: (argv: readonly string[]) => Promise<number>,
): Promise<number> => {
  let exitCode = 0
  const command = toCommand(root, [], async (argv) => {
    exitCode = await execute(argv)
  })
  const program = app(command, version)(words([...path, "--wizard"]))
  await Effect.runPromise(program.pipe(Effect.provide(NodeContext.layer)))
  return exitCode
}

const words = (argv: readonly string[]): readonly string[] => ["node", "skein", ...argv]

const app = (command: AnyCommand, version: string) =>
  Command.run(command, { name: "skein", version, executable: "node skein" })

/**
 * What @effect/cli 0.77.2 gets wrong in its scripts: bash finds no command below the second word
 * (the words are joined by commas where it compares with `__`) and offers all choices as one word;
 * every shell offers --log-level, which nothing of ours reads.
 */
const repaired = (script: string): string =>
  script
    .replace(/^( +)(skein(?:,[\w-]+)+),([\w-]+)\)$/gm, (_, indent: string, above: string, last) => {
      return `${indent}${above.replaceAll(",", "__")},${last})`
    })
    .replace(/compgen -W "([^"]+)"/g, (_, choices: string) => {
      return `compgen -W "${choices.replaceAll(",", " ")}"`
    })
    .split("\n")
    .filter((line) => !/-l log-level|'--log-level/.test(line))
    .join("\n")
    .replaceAll(" --log-level", "")

type AnyCommand = Command.Command<string, never, never, unknown>
type Execute = (argv: readonly string[]) => Promise<void>

const toCommand = (spec: CommandSpec, path: readonly string[], execute: Execute): AnyCommand => {
  const options = spec.options.map((option) => [option.name, toOption(option)] as const)
  const args = spec.arguments.map((argument) => [argument.name, toArgument(argument)] as const)
  const config = Object.fromEntries<Args.Args<unknown> | Options.Options<unknown>>([
    ...options,
    ...args,
  ])
  const command = Command.make(spec.name, config, (values) =>
    Effect.promise(() => execute([...path, ...argvOf(spec, values)])),
  ).pipe(Command.withDescription(spec.help))
  const [first, ...others] = (spec.commands ?? []).map((child) =>
    toCommand(child, [...path, child.name], execute),
  )
  const whole =
    first === undefined ? command : command.pipe(Command.withSubcommands([first, ...others]))
  return whole as unknown as AnyCommand
}

const toOption = (spec: OptionSpec): Options.Options<unknown> => {
  const { name, alias, value, repeated } = spec
  const described = <A>(option: Options.Options<A>): Options.Options<A> => {
    const withHelp = option.pipe(Options.withDescription(spec.help))
    return alias === undefined ? withHelp : withHelp.pipe(Options.withAlias(alias))
  }
  if (value.kind === "switch") return described(Options.boolean(name))
  if (value.kind === "choice") {
    return described(Options.choice(name, value.choices)).pipe(Options.optional)
  }
  const text = described(Options.text(name)).pipe(Options.withPseudoName(placeholderOf(value)))
  return repeated === true ? text.pipe(Options.repeated) : text.pipe(Options.optional)
}

const toArgument = ({ name, help, count }: ArgumentSpec): Args.Args<unknown> => {
  const argument = Args.text({ name }).pipe(Args.withDescription(help))
  return count === "any" ? argument.pipe(Args.repeated) : argument
}

/** Back to the words that the parser reads, so that there is one way to run a command. */
const argvOf = (spec: CommandSpec, values: Readonly<Record<string, unknown>>): string[] => {
  const argv: string[] = []
  for (const { name } of spec.options) {
    for (const value of listOf(values[name])) {
      if (value === true) argv.push(`--${name}`)
      else if (value !== false) argv.push(`--${name}=${String(value)}`)
    }
  }
  argv.push("--")
  for (const { name } of spec.arguments) argv.push(...listOf(values[name]).map(String))
  return argv
}

const listOf = (value: unknown): readonly unknown[] => {
  if (Option.isOption(value)) return Option.toArray(value)
  if (value === undefined) return []
  return Array.isArray(value) ? value : [value]
}

const collecting = (written: string[]): Console.Console => {
  const write = (...parts: readonly unknown[]) =>
    Effect.sync(() => {
      written.push(parts.map(String).join(" "))
    })
  return Object.assign(Object.create(defaultConsole), { log: write, error: write })
}

const defaultConsole = Effect.runSync(Console.consoleWith(Effect.succeed))
