/**
 * Owns: `skein node start`: runs a node until a signal or a failure ends it.
 * Shutdown order: the port takes nothing new and answers what is in flight, the engine lets go,
 * shards close with checkpoints, the journal closes; then exit 0. A watchdog bounds all of it.
 */
import { resolve } from "node:path"
import { type Failpoints, systemClock } from "@skein/journal"
import { isSkeinError, limits, type SkeinError } from "@skein/model"
import { UsageError } from "../arguments/UsageError.js"
import { readToken } from "../config/readToken.js"
import type { Settings } from "../config/settings.js"
import { exitCodeOf } from "../exitCodes.js"
import { boundHeap } from "../node/boundHeap.js"
import type { ClusterSeam } from "../node/ClusterSeam.js"
import { NodeLog } from "../node/NodeLog.js"
import { Shutdown, stopWithinMs } from "../node/Shutdown.js"
import { type ServedNode, serveNode } from "../node/serveNode.js"
import { settleMemory } from "../node/settleMemory.js"
import { showError, shownError } from "../output/showError.js"
import { type CommandContext, isJson, type RunCommand, writeJson } from "./CommandContext.js"

export const run: RunCommand = async (context) => {
  refuseContradictions(context)
  boundHeap()
  const { settings, terminal, version } = context
  const log = new NodeLog(terminal, isJson(context), systemClock)
  const shutdown = new Shutdown({
    clock: systemClock,
    on: (signal, react) => process.on(signal, react),
    exit: (code) => process.exit(code),
    say: (text) => log.line("warn", text),
    ...(settings.cluster && { stopWithinMs: stopWithinMs + limits.leaveWithinMs }),
  })
  const { token, warning } = readToken(context.resolved)
  if (warning !== undefined) log.line("warn", warning)
  const dir = settings.memory ? undefined : resolve(settings.dir)
  const hasParent = context.invocation.isOn("with-parent")
  const parentGone = hasParent ? whenInputCloses() : never
  const restart = askedFor()
  const cluster = await clusterOf(settings, log, hasParent ? restart.ask : undefined)
  // A signal that comes while the node recovers is heeded once it is up, or ends it after 5 s.
  let node: ServedNode
  try {
    node = await serveNode({ settings, dir, token, version, log, cluster })
  } catch (cause) {
    return notStarted(context, cause)
  }
  if (!shutdown.isRequested) await announce(context, node, dir)
  settleMemory(systemClock)
  const end = await Promise.race([shutdown.requested, parentGone, restart.asked, node.failed])
  const unwatch = shutdown.watch()
  if (isSkeinError(end)) return giveUp(context, node, end)
  log.line("info", `${end}: stopping`)
  await node.close()
  unwatch()
  log.line("info", "stopped: everything that was confirmed is stored")
  return undefined
}

const refuseContradictions = ({ settings, invocation, resolved }: CommandContext): void => {
  const given = resolved.find(({ key }) => key === "memory")?.source
  if (settings.memory && settings.cluster) {
    throw new UsageError(
      `the nodes of a cluster share a directory: --cluster does without --memory ` +
        `(memory is set by ${given}).`,
    )
  }
  if (settings.memory && invocation.text("dir") !== undefined) {
    throw new UsageError(
      `give either --memory or --dir: nothing would be stored there (memory is set by ${given}).`,
    )
  }
  for (const name of ["bootstrap", "advertise"]) {
    if (settings.cluster || invocation.text(name) === undefined) continue
    throw new UsageError(`--${name} is for a node of a cluster: give --cluster, too.`)
  }
}

/** A node on its own does not load what nodes need of each other. */
const clusterOf = async (
  settings: Settings,
  log: NodeLog,
  restart: (() => void) | undefined,
): Promise<ClusterSeam | undefined> => {
  if (!settings.cluster) return undefined
  const failpoints = await failpointsOf(settings, log)
  const { openCluster } = await import("../node/openCluster.js")
  const { node, host, bootstrap } = settings
  const dir = resolve(settings.dir)
  return openCluster({ dir, node, host, bootstrap, restart, failpoints })
}

const askedFor = () => {
  let ask = (): void => {}
  const asked = new Promise<string>((resolve) => {
    ask = () => resolve("an operator restarts it")
  })
  return { asked, ask }
}

/** Fencing is a matter of nodes among others: only they have failpoints. */
const failpointsOf = async (
  { failpoints }: Settings,
  log: NodeLog,
): Promise<Failpoints | undefined> => {
  if (failpoints === undefined) return undefined
  log.line("warn", `SKEIN_FAILPOINTS is set, for tests only: this node stands still at times`)
  const { standAt } = await import("../node/standAt.js")
  return standAt(resolve(failpoints))
}

const never = new Promise<never>(() => {})

/** Resolves when whoever started this process is gone: its end of the pipe is closed. */
const whenInputCloses = (): Promise<string> =>
  new Promise((done) => {
    const gone = () => done("the parent is gone")
    process.stdin.once("end", gone).once("close", gone).once("error", gone).resume()
  })

/** For lack of room: nothing goes on, and what helps is to know how much is wanted. */
const notStarted = (context: CommandContext, cause: unknown): number => {
  if (!isSkeinError(cause) || cause._tag !== "DiskFull") throw cause
  return showError(context.terminal, { ...shownError(cause), next: roomToStart }, isJson(context))
}

/** What its first log segment takes; recovery may need more. */
const roomToStart =
  `The node did not start: it needs at least ${limits.logSegmentBytes / 8} free bytes on the ` +
  "data disk for its log. Free some, then start it again."

/** The node cannot go on: says why, and ends without trusting the journal any more. */
const giveUp = async (
  context: CommandContext,
  node: ServedNode,
  error: SkeinError,
): Promise<number> => {
  const shown = shownError(error)
  // What helps a client (open the fabric again) is not what an operator does about a failed disk.
  const next = error._tag === "FabricClosed" ? diskFailed : shown.next
  showError(context.terminal, { ...shown, next }, isJson(context))
  await node.close().catch(() => {})
  return Math.max(1, exitCodeOf(error))
}

const diskFailed =
  "Look after the disk (the kernel's log), then start the node again: what was confirmed is kept."

const announce = async (
  context: CommandContext,
  node: ServedNode,
  dir: string | undefined,
): Promise<void> => {
  const { settings, terminal } = context
  // Who reads it may have gone; that is no reason to end a node.
  const ignore = () => {}
  if (isJson(context)) {
    const { address, fabricId } = node
    const event = { event: "listening", address, pid: process.pid, dir: dir ?? null, fabricId }
    await writeJson(context, event).catch(ignore)
  } else await terminal.out(welcome(context, settings, node, dir)).catch(ignore)
}

const welcome = (
  { terminal, env }: CommandContext,
  settings: Settings,
  { address, shards }: ServedNode,
  dir: string | undefined,
): string => {
  const stored = dir === undefined ? "in memory only: nothing survives it" : `stored in ${dir}`
  const command = env.npm_lifecycle_event === "start" ? "npx skein" : "skein"
  const to = address === "127.0.0.1:4117" ? "" : ` --address ${address}`
  const tries = [
    `${command} queue declare hello${to}`,
    `${command} publish hello "first message"${to}`,
    `${command} consume hello --ack${to}`,
    `${command} node status${to}`,
  ]
  const { bootstrap } = settings
  const begin = bootstrap === undefined ? "" : `; clients of the cluster begin at ${bootstrap}`
  return [
    `Skein ${settings.node} listens on ${terminal.paintOut("bold", address)}${begin}`,
    `${shards} shards, ${stored}; pid ${process.pid}`,
    "",
    "Try in another terminal:",
    ...tries.map((line) => `  ${terminal.paintOut("green", line)}`),
    "",
    "Ctrl-C stops it in order, a second Ctrl-C at once.",
    "",
  ].join("\n")
}
