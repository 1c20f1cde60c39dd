/**
 * Owns: `skein cluster start`: runs nodes on one data directory until a signal, and tells where
 * clients connect.
 * Shutdown: at the first signal all nodes are asked to stop, each drains; then exit 0. A second one
 * ends them at once. If this process is killed, the nodes see its pipe close and stop in order.
 */
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { systemClock } from "@skein/journal"
import type { Invocation } from "../arguments/Invocation.js"
import { UsageError } from "../arguments/UsageError.js"
import { freeAddress } from "../cluster/freeAddress.js"
import {
  type ClusterEvent,
  type LocalCluster,
  NodeNotStarted,
  openLocalCluster,
  shownEnd,
} from "../cluster/LocalCluster.js"
import { type NodeCommand, type RunningNode, startNode } from "../cluster/NodeProcess.js"
import { readToken } from "../config/readToken.js"
import { exitCodes } from "../exitCodes.js"
import { localNodesDefault } from "../grammar/commands.js"
import { NodeLog } from "../node/NodeLog.js"
import { Shutdown } from "../node/Shutdown.js"
import { showError } from "../output/showError.js"
import { type Column, table } from "../output/table.js"
import { type CommandContext, isJson, type RunCommand, writeJson } from "./CommandContext.js"

/** Longer than a node may take; all of them stop at the same time. */
const stopWithinMs = 11_000

export const run: RunCommand = async (context) => {
  refuseContradictions(context)
  const { settings, terminal, resolved } = context
  const log = new NodeLog(terminal, isJson(context), systemClock)
  const running = new Set<RunningNode>()
  const shutdown = new Shutdown({
    clock: systemClock,
    on: (signal, react) => process.on(signal, react),
    exit: (code) => {
      for (const node of running) node.kill()
      process.exit(code)
    },
    say: (text) => log.line("warn", text),
    stopWithinMs,
  })
  const { warning } = readToken(resolved)
  if (warning !== undefined) log.line("warn", warning)
  const bootstrap = await freeAddress(settings.host, settings.port)
  const start = (command: NodeCommand): RunningNode => {
    const node = startNode(command, systemClock, (line) => log.relay(command.name, line))
    running.add(node)
    void node.ended.then(() => running.delete(node))
    return node
  }
  const onEvent = (event: ClusterEvent): void => tell(context, log, event)
  const nodes = nodeCommands(context, bootstrap)
  let cluster: LocalCluster
  try {
    // A signal that comes while nodes recover is heeded once they are up, or ends all after 11 s.
    cluster = await openLocalCluster({ nodes, start, onEvent })
  } catch (cause) {
    // Ctrl-C reaches the nodes of a terminal, too: they ended because they were asked to.
    const wasAsked = shutdown.isRequested && cause instanceof NodeNotStarted
    if (wasAsked && cause.end.code === 0) return undefined
    if (cause instanceof NodeNotStarted) return notStarted(context, cause)
    throw cause
  }
  await announce(context, cluster, bootstrap)
  const end = await Promise.race([shutdown.requested, cluster.failed])
  const unwatch = shutdown.watch()
  log.line("info", end === undefined ? "no node is left: stopping" : `${end}: stopping all nodes`)
  await cluster.stop()
  unwatch()
  if (end === undefined) return exitCodes.failed
  log.line("info", "stopped: everything that was confirmed is stored")
  return undefined
}

const refuseContradictions = ({ settings, resolved, invocation }: CommandContext): void => {
  const { port } = settings
  if (port + nodesOf(invocation) > 65_535) {
    throw new UsageError(
      `--port ${port} leaves no ports for ${nodesOf(invocation)} nodes above it.`,
    )
  }
  const sourceOf = (wanted: string) => resolved.find(({ key }) => key === wanted)?.source
  if (settings.memory) {
    throw new UsageError(
      `nodes share a directory, so they cannot keep everything in memory (memory is set by ` +
        `${sourceOf("memory")}).`,
    )
  }
  if (settings.advertise === undefined) return
  throw new UsageError(
    `advertise is the address of one node (it is set by ${sourceOf("advertise")}).`,
    "Unset it, or start each node with `skein node start --cluster`.",
  )
}

const nodesOf = (invocation: Invocation): number => invocation.number("nodes") ?? localNodesDefault

/** How each node is run. Ports follow the one that clients begin at; with port 0 they are free. */
export const nodeCommands = (
  { settings, invocation }: Pick<CommandContext, "invocation" | "settings">,
  bootstrap: string,
): readonly NodeCommand[] => {
  const { host, port, dir, shards, tokenFile } = settings
  const main = fileURLToPath(new URL("../main.js", import.meta.url))
  const config = invocation.text("config")
  return Array.from({ length: nodesOf(invocation) }, (_, at) => {
    const name = `n${at + 1}`
    const own = port === 0 ? 0 : port + at + 1
    return {
      name,
      argv: [
        ...([process.execPath, main, "node", "start", "--cluster", "--with-parent"] as const),
        ...["--node", name, "--dir", resolve(dir), "--bootstrap", bootstrap],
        ...["--host", host, "--port", String(own), "--output", "json"],
        ...(shards === undefined ? [] : ["--shards", String(shards)]),
        ...(tokenFile === undefined ? [] : ["--token-file", tokenFile]),
        ...(config === undefined ? [] : ["--config", config]),
      ],
    }
  })
}

/** The node has said why; its code becomes ours. */
const notStarted = (context: CommandContext, { node, end }: NodeNotStarted): number => {
  const exitCode = end.code === null || end.code === 0 ? exitCodes.failed : end.code
  const { code, next, retryable } = end.error ?? {
    ...{ code: "SKEIN_INTERNAL", next: "See what it said above.", retryable: false },
  }
  const detail = `node ${node} did not start: ${end.error?.detail ?? shownEnd(end)}`
  return showError(context.terminal, { code, detail, next, retryable, exitCode }, isJson(context))
}

const tell = (context: CommandContext, log: NodeLog, event: ClusterEvent): void => {
  const { node } = event
  switch (event._tag) {
    case "Ended":
      return log.line("warn", `${node} ended: ${shownEnd(event.end)}`)
    case "GivenUp":
      return log.line("error", `${node} ended too often: it is not started again`)
    case "Restarted": {
      const { address, pid } = event.listening
      log.line("info", `${node} is back on ${address}, pid ${pid}`)
      if (!isJson(context)) return
      writeJson(context, { event: "restarted", node, address, pid }).catch(() => {})
    }
  }
}

const announce = async (
  context: CommandContext,
  cluster: LocalCluster,
  bootstrap: string,
): Promise<void> => {
  const dir = resolve(context.settings.dir)
  const nodes = cluster.nodes.map(({ name, address, pid }) => ({ node: name, address, pid }))
  const [{ fabricId }] = cluster.nodes
  const { pid } = process
  const event = { event: "listening", address: bootstrap, pid, dir, fabricId, nodes }
  const written = isJson(context)
    ? writeJson(context, event)
    : context.terminal.out(clusterWelcome(context, event))
  // Who reads it may have gone; that is no reason to end a cluster.
  await written.catch(() => {})
}

export interface ClusterListening {
  readonly address: string
  readonly pid: number
  readonly dir: string
  readonly nodes: readonly {
    readonly node: string
    readonly address: string
    readonly pid: number
  }[]
}

export const clusterWelcome = (
  { terminal, env }: Pick<CommandContext, "env" | "terminal">,
  { address, nodes, pid, dir }: ClusterListening,
): string => {
  const command = env.npm_lifecycle_event === "start" ? "npx skein" : "skein"
  const to = address === "127.0.0.1:4117" ? "" : ` --address ${address}`
  const tries = [
    `${command} cluster status${to}`,
    `${command} queue declare hello${to}`,
    `${command} publish hello "first message"${to}`,
    `${command} consume hello --ack${to}`,
    `kill -9 ${nodes[0].pid}   # ${nodes[0].node} comes back; nothing is lost`,
  ]
  const columns: readonly Column<ClusterListening["nodes"][number]>[] = [
    { title: "NODE", cell: ({ node }) => node },
    { title: "ADDRESS", cell: (node) => node.address },
    { title: "PID", align: "right", cell: (node) => String(node.pid) },
  ]
  return [
    `Skein: clients connect to ${terminal.paintOut("bold", address)}`,
    `${nodes.length} ${nodes.length === 1 ? "node" : "nodes"}, stored in ${dir}; pid ${pid}`,
    "",
    table(terminal, columns, nodes),
    "Try in another terminal:",
    ...tries.map((line) => `  ${terminal.paintOut("green", line)}`),
    "",
    "Ctrl-C stops all nodes in order, a second Ctrl-C at once.",
    "",
  ].join("\n")
}
