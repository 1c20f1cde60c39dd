/**
 * Owns: help, completion scripts and the wizard, by @effect/cli over the same grammar that the parser
 * reads. It is loaded only when one of them is asked for: a node does not carry it.
 */
import { Args, Command, HelpDoc, Options } from "@effect/cli"
import { Console, Effect, Option } from "effect"
import { exitCodeTable } from "../exitCodes.js"
import type { ArgumentSpec, CommandSpec, OptionSpec } from "../grammar/Grammar.js"
import { describeKind } from "../grammar/ValueKind.js"
import type { Terminal } from "../output/Terminal.js"
import { NodeContext } from "../Platform.js"

export interface HelpOptions {
  readonly root: CommandSpec
  readonly version: string
  readonly terminal: Terminal
  /** Runs what the wizard has put together; answers the exit code. */
  readonly execute: (argv: readonly string[]) => Promise<number>
}

/** Answers `PATH --help`, `--completions SHELL` or `PATH --wizard`. */
export const showHelp = async (
  options: HelpOptions,
  path: readonly string[],
  builtIn: readonly string[],
): Promise<number> => {
  const { root, version, terminal, execute } = options
  const written: string[] = []
  let exitCode = 0
  const command = toCommand(root, [], async (argv) => {
    exitCode = await execute(argv)
  })
  const app = Command.run(command, { name: "skein", version, executable: "skein", footer })
  const console = collecting(written)
  await Effect.runPromise(
    app(["node", "skein", ...path, ...builtIn]).pipe(
      Effect.withConsole(console),
      Effect.provide(NodeContext.layer),
    ),
  )
  const text = written.map((line) => `${line.trimEnd()}\n`).join("")
  await terminal.out(terminal.paintOut("bold", "") === "" ? plain(text) : text)
  return exitCode
}

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
  const placeholder = value.kind === "text" ? value.placeholder : value.kind.toUpperCase()
  const help = value.kind === "text" ? spec.help : `${spec.help} Takes ${describeKind(value)}.`
  const text = described(Options.text(name)).pipe(
    Options.withPseudoName(placeholder),
    Options.withDescription(help),
  )
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

const footer = HelpDoc.sequence(
  HelpDoc.h1("EXIT CODES"),
  HelpDoc.descriptionList(
    exitCodeTable.map(([code, meaning]) => [
      { _tag: "Text", value: String(code) },
      HelpDoc.p(meaning),
    ]) as unknown as Parameters<typeof HelpDoc.descriptionList>[0],
  ),
)

const collecting = (written: string[]): Console.Console => {
  const write = (...parts: readonly unknown[]) =>
    Effect.sync(() => {
      written.push(parts.map(String).join(" "))
    })
  return Object.assign(Object.create(defaultConsole), { log: write, error: write })
}

const defaultConsole = Effect.runSync(Console.consoleWith(Effect.succeed))

/** Without the colours, which @effect/cli always writes. */
const plain = (text: string): string => text.replaceAll(colour, "")

const colour = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g")
