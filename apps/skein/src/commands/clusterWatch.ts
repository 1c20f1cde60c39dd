/**
 * Owns: `skein cluster watch`: a screen that is drawn anew every second on a terminal; elsewhere a
 * line a decision, so that it can be piped. Ctrl-C ends it with exit code 0.
 */
import type { NumberedDecision } from "@skein/wire"
import { exitCodes } from "../exitCodes.js"
import { safeText } from "../output/safeText.js"
import { type CommandContext, type Connected, isJson, type RunCommand } from "./CommandContext.js"
import { clusterStatusText } from "./clusterStatus.js"
import { pause } from "./pause.js"

const everyMs = 1_000
/** Home, and clear what is below: less flicker than clearing first. */
const home = "\x1b[H\x1b[J"
const eventsShown = 12

export const run: RunCommand = (context) =>
  context.connected(async (connected) => {
    const { terminal, signal } = context
    const draws = terminal.outIsTty && !isJson(context)
    const decisions = new Followed(connected)
    try {
      while (!signal.aborted) {
        const fresh = await decisions.next()
        if (draws) await draw(context, connected, decisions.newest)
        else for (const each of fresh) await terminal.out(lineOf(context, each))
        await pause(everyMs, signal)
      }
    } catch (cause) {
      if (!signal.aborted) throw cause
    }
    return exitCodes.ok
  })

const draw = async (
  { terminal }: CommandContext,
  { client, call }: Connected,
  newest: readonly NumberedDecision[],
): Promise<void> => {
  const [status, loads] = await Promise.all([client.cluster(call), client.shardLoads(call)])
  const shown = newest.slice(-eventsShown)
  await terminal.out(home + clusterStatusText(terminal, { ...status, decisions: shown }, loads))
}

const lineOf = (context: CommandContext, decision: NumberedDecision): string => {
  if (isJson(context)) return `${JSON.stringify(decision)}\n`
  const { atMs, what, reason } = decision
  return `${new Date(atMs).toISOString()}  ${safeText(what)}  ${safeText(reason)}\n`
}

/** The manager's decisions, each once, from manager to manager. */
class Followed {
  newest: readonly NumberedDecision[] = []
  #log: string | undefined
  #after = 0

  constructor(private readonly connected: Connected) {}

  async next(): Promise<readonly NumberedDecision[]> {
    const { client, call } = this.connected
    const from = this.#log === undefined ? {} : { log: this.#log, after: this.#after }
    const { log, last, decisions } = await client.decisions(from, call)
    this.#log = log
    this.#after = last
    this.newest = [...this.newest, ...decisions].slice(-eventsShown)
    return decisions
  }
}
