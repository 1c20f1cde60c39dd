/**
 * Owns: one run of the command, from its arguments to its exit code. Each command's module, the client
 * library and the help are loaded only when they are needed: a node carries none of them.
 */
import type { CallOptions } from "@skein/client"
import { skeinError } from "@skein/model"
import { parseArguments } from "./arguments/parseArguments.js"
import type { CommandContext, Connected, RunCommand } from "./commands/CommandContext.js"
import { readToken } from "./config/readToken.js"
import { type Environment, resolveSettings, settingsOf } from "./config/resolveSettings.js"
import { exitCodes } from "./exitCodes.js"
import { skein } from "./grammar/commands.js"
import type { CommandSpec } from "./grammar/Grammar.js"
import { showError, shownError } from "./output/showError.js"
import { OutputClosed, type Terminal } from "./output/Terminal.js"

export interface Surroundings {
  readonly env: Environment
  readonly terminal: Terminal
  readonly version: string
  /** Aborts at the first Ctrl-C. */
  readonly signal: AbortSignal
  readonly nowMs: () => number
}

/** Runs `skein ARGV…`; never rejects. */
export const runSkein = async (
  argv: readonly string[],
  surroundings: Surroundings,
): Promise<number> => {
  const { terminal, signal } = surroundings
  try {
    return await run(argv, surroundings)
  } catch (cause) {
    if (cause instanceof OutputClosed) return exitCodes.ok
    const asJson = wantsJson(argv, surroundings.env)
    const error = signal.aborted ? interrupted(cause) : cause
    return showError(terminal, shownError(error), asJson)
  }
}

const run = async (argv: readonly string[], surroundings: Surroundings): Promise<number> => {
  const asked = helpAsked(argv)
  if (asked !== undefined) {
    const { showHelp } = await import("./help/effectCli.js")
    const execute = (words: readonly string[]) => runSkein(words, surroundings)
    return showHelp({ ...surroundings, root: skein, execute }, asked.path, asked.builtIn)
  }
  const invocation = parseArguments(skein, argv)
  const resolved = resolveSettings(invocation, surroundings.env)
  const settings = settingsOf(resolved)
  const connected: CommandContext["connected"] = (use) => withClient(context, use)
  const context = { ...surroundings, invocation, resolved, settings, connected }
  const load = commands[invocation.path.join(" ")]
  const { run: runCommand } = await load()
  return (await runCommand(context)) ?? exitCodes.ok
}

type Load = () => Promise<{ readonly run: RunCommand }>

const commands: Readonly<Record<string, Load>> = {
  "node start": () => import("./commands/nodeStart.js"),
  "node status": () => import("./commands/nodeStatus.js"),
  "queue declare": () => import("./commands/queueDeclare.js"),
  "queue list": () => import("./commands/queueList.js"),
  "queue show": () => import("./commands/queueShow.js"),
  "queue purge": () => import("./commands/queuePurge.js"),
  "queue delete": () => import("./commands/queueDelete.js"),
  "queue peek": () => import("./commands/queuePeek.js"),
  publish: () => import("./commands/publish.js"),
  consume: () => import("./commands/consume.js"),
  bench: () => import("./commands/bench.js"),
  config: () => import("./commands/config.js"),
  "journal verify": () => import("./commands/journalVerify.js"),
  "journal digest": () => import("./commands/journalDigest.js"),
  "journal dump": () => import("./commands/journalDump.js"),
}

const withClient = async <A>(
  { settings, resolved, signal, terminal }: CommandContext,
  use: (connected: Connected) => Promise<A>,
): Promise<A> => {
  const { token, warning } = readToken(resolved)
  if (warning !== undefined) terminal.err(`${terminal.paintErr("yellow", warning)}\n`)
  const { openClient } = await import("./client/openClient.js")
  const { client, Queue } = await openClient({ settings, token, signal })
  const call: CallOptions = { timeoutMs: settings.timeout, signal }
  try {
    return await use({ client, call, Queue })
  } finally {
    await client.close({ timeoutMs: settings.timeout })
  }
}

interface HelpAsked {
  readonly path: readonly string[]
  readonly builtIn: readonly string[]
}

/** What @effect/cli answers: help of a command, a completion script, the wizard. */
const helpAsked = (argv: readonly string[]): HelpAsked | undefined => {
  if (argv.length === 0) return { path: [], builtIn: ["--help"] }
  const end = argv.indexOf("--")
  const words = end < 0 ? argv : argv.slice(0, end)
  const { path, command } = commandOf(words)
  if (command.passesOn === true) return undefined
  if (words.includes("--help") || words.includes("-h")) return { path, builtIn: ["--help"] }
  if (words.includes("--wizard")) return { path, builtIn: ["--wizard"] }
  const completions = words.findIndex((word) => word.startsWith("--completions"))
  if (completions < 0) return undefined
  const shell = words[completions].split("=")[1] ?? words[completions + 1] ?? ""
  if (!["bash", "fish", "sh", "zsh"].includes(shell)) {
    throw skeinError("ConfigInvalid", "--completions takes one of bash, fish, sh, zsh")
  }
  return { path: [], builtIn: ["--completions", shell] }
}

const commandOf = (
  words: readonly string[],
): { readonly path: readonly string[]; readonly command: CommandSpec } => {
  const path: string[] = []
  let command = skein
  for (const word of words) {
    const child = command.commands?.find(({ name }) => name === word)
    if (child === undefined) continue
    command = child
    path.push(word)
  }
  return { path, command }
}

/** For errors that come before the settings are known. */
const wantsJson = (argv: readonly string[], env: Environment): boolean => {
  const at = argv.findIndex((word) => word === "--output" || word === "-o")
  if (at >= 0) return argv[at + 1] === "json"
  if (argv.includes("--output=json") || argv.includes("-o=json")) return true
  return env.SKEIN_OUTPUT === "json"
}

const interrupted = (cause: unknown): unknown => skeinError("Aborted", "interrupted", {}, { cause })
