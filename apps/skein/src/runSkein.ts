/**
 * Owns: one run of the command, from its arguments to its exit code. Each command's module, the
 * client library and the help are loaded only when they are needed: a node carries none of them.
 */
import type { CallOptions } from "@skein/client"
import { skeinError } from "@skein/model"
import { parseArguments } from "./arguments/parseArguments.js"
import { UsageError } from "./arguments/UsageError.js"
import { wantsJson } from "./arguments/wantsJson.js"
import type { OpenClientOptions, OpenedClient } from "./client/openClient.js"
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
  /** How commands reach a fabric. Default: over a socket, by the settings. */
  readonly openClient?: (options: OpenClientOptions) => Promise<OpenedClient>
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
  if (asked?.kind === "version") return answerVersion(argv, surroundings)
  if (asked !== undefined) return answerHelp(asked, surroundings)
  const invocation = parseArguments(skein, argv)
  const resolved = resolveSettings(invocation, surroundings.env)
  const settings = settingsOf(resolved)
  const connected: CommandContext["connected"] = (use) => withClient(context, surroundings, use)
  const context = { ...surroundings, invocation, resolved, settings, connected }
  const load = commands[invocation.path.join(" ")]
  const { run: runCommand } = await load()
  return (await runCommand(context)) ?? exitCodes.ok
}

type Load = () => Promise<{ readonly run: RunCommand }>

/** What each command of the grammar runs; exported for the test that none is missing. */
export const commands: Readonly<Record<string, Load>> = {
  "node start": () => import("./commands/nodeStart.js"),
  "node status": () => import("./commands/nodeStatus.js"),
  "cluster start": () => import("./commands/clusterStart.js"),
  "cluster status": () => import("./commands/clusterStatus.js"),
  "cluster plan": () => import("./commands/clusterPlan.js"),
  "cluster rebalance": () => import("./commands/clusterRebalance.js"),
  "cluster why": () => import("./commands/clusterWhy.js"),
  "cluster move": () => import("./commands/clusterMove.js"),
  "cluster drain": () => import("./commands/clusterDrain.js"),
  "cluster revive": () => import("./commands/clusterRevive.js"),
  "cluster restart": () => import("./commands/clusterRestart.js"),
  "cluster watch": () => import("./commands/clusterWatch.js"),
  "cluster clients": () => import("./commands/clusterClients.js"),
  "cluster check": () => import("./commands/clusterCheck.js"),
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
  backup: () => import("./commands/backup.js"),
  restore: () => import("./commands/restore.js"),
  "journal verify": () => import("./commands/journalVerify.js"),
  "journal digest": () => import("./commands/journalDigest.js"),
  "journal dump": () => import("./commands/journalDump.js"),
}

const withClient = async <A>(
  { settings, resolved, signal, terminal }: CommandContext,
  surroundings: Surroundings,
  use: (connected: Connected) => Promise<A>,
): Promise<A> => {
  const { token, warning } = readToken(resolved)
  if (warning !== undefined) terminal.err(`${terminal.paintErr("yellow", warning)}\n`)
  const openClient = surroundings.openClient ?? (await import("./client/openClient.js")).openClient
  const { client, Queue } = await openClient({ settings, token, signal })
  const call: CallOptions = { timeoutMs: settings.timeout, signal }
  try {
    return await use({ client, call, Queue })
  } finally {
    await client.close({ timeoutMs: settings.timeout })
  }
}

type HelpAsked =
  | { readonly kind: "help"; readonly path: readonly string[] }
  | { readonly kind: "version" }
  | { readonly kind: "wizard"; readonly path: readonly string[] }
  | { readonly kind: "completions"; readonly shell: string }

const helpAsked = (argv: readonly string[]): HelpAsked | undefined => {
  if (argv.length === 0) return { kind: "help", path: [] }
  const end = argv.indexOf("--")
  const words = end < 0 ? argv : argv.slice(0, end)
  const { path, command } = commandOf(words)
  if (command.passesOn === true) return undefined
  if (words.includes("--help") || words.includes("-h")) {
    // A command that there is not has no help: parsing names the nearest one.
    const isGroup = command.commands !== undefined
    const begins = path.every((name, at) => words[at] === name)
    const isUnknown = isGroup && begins && !words[path.length].startsWith("-")
    return isUnknown ? undefined : { kind: "help", path }
  }
  if (path.length === 0 && (words.includes("--version") || words.includes("-V"))) {
    return { kind: "version" }
  }
  if (words.includes("--wizard")) return { kind: "wizard", path }
  const at = words.findIndex(
    (word) => word === "--completions" || word.startsWith("--completions="),
  )
  if (at < 0) return undefined
  return { kind: "completions", shell: words[at].split("=")[1] ?? words[at + 1] ?? "" }
}

const answerVersion = async (
  argv: readonly string[],
  { terminal, version, env }: Surroundings,
): Promise<number> => {
  const asJson = wantsJson(argv, env)
  await terminal.out(asJson ? `${JSON.stringify({ version })}\n` : `skein ${version}\n`)
  return exitCodes.ok
}

const answerHelp = async (
  asked: Exclude<HelpAsked, { kind: "version" }>,
  surroundings: Surroundings,
): Promise<number> => {
  const { terminal, version } = surroundings
  if (asked.kind === "help") {
    const { helpText } = await import("./help/helpText.js")
    await terminal.out(helpText(terminal, skein, version, asked.path))
    return exitCodes.ok
  }
  const { completionScript, runWizard } = await import("./help/effectCli.js")
  if (asked.kind === "wizard") {
    if (!terminal.inIsTty) throw new UsageError("--wizard asks questions: it needs a terminal.")
    return runWizard(skein, version, asked.path, (argv) => runSkein(argv, surroundings))
  }
  const { shell } = asked
  if (shell !== "bash" && shell !== "fish" && shell !== "zsh") {
    throw new UsageError("--completions takes one of bash, fish, zsh.")
  }
  await terminal.out(await completionScript(skein, shell))
  return exitCodes.ok
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

const interrupted = (cause: unknown): unknown => skeinError("Aborted", "interrupted", {}, { cause })
