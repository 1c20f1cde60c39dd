/** Owns: what a command gets to do its work, so that tests can give it other surroundings. */
import type { CallOptions, Queue, SkeinClient } from "@skein/client"
import type { Invocation } from "../arguments/Invocation.js"
import type { Environment, ResolvedSetting } from "../config/resolveSettings.js"
import type { Settings } from "../config/settings.js"
import type { Terminal } from "../output/Terminal.js"

/** An open client, with the options that each of its calls gets. */
export interface Connected {
  readonly client: SkeinClient
  readonly call: CallOptions
  /** The library's queue types, loaded with it. */
  readonly Queue: typeof Queue
}

export interface CommandContext {
  readonly invocation: Invocation
  readonly settings: Settings
  readonly resolved: readonly ResolvedSetting[]
  readonly env: Environment
  readonly terminal: Terminal
  /** Aborts at the first Ctrl-C. */
  readonly signal: AbortSignal
  readonly nowMs: () => number
  readonly version: string
  /** Connects, uses, closes. */
  readonly connected: <A>(use: (connected: Connected) => Promise<A>) => Promise<A>
}

/** Answers the exit code, 0 if it says nothing. Throws SkeinError, UsageError or OutputClosed. */
export type RunCommand = (context: CommandContext) => Promise<number | undefined>

export const isJson = ({ settings }: CommandContext): boolean => settings.output === "json"

/** One JSON document on a line of standard output. */
export const writeJson = ({ terminal }: CommandContext, value: unknown): Promise<void> =>
  terminal.out(`${JSON.stringify(value)}\n`)
