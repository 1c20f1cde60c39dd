/** Owns: `skein cluster status`. */
import type { ClusterDecision, ClusterNode, ClusterStatus, ShardLoads } from "@skein/wire"
import { showCount } from "../output/figures.js"
import { safeText } from "../output/safeText.js"
import type { Terminal } from "../output/Terminal.js"
import { type Column, facts, table } from "../output/table.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"

export const run: RunCommand = (context) =>
  context.connected(async ({ client, call }) => {
    const [status, loads] = await Promise.all([client.cluster(call), client.shardLoads(call)])
    if (isJson(context)) await writeJson(context, { ...status, loads })
    else await context.terminal.out(clusterStatusText(context.terminal, status, loads))
    return undefined
  })

/**
 * The nodes with their load as bars (without loads: their shards), what the manager did last, and
 * what is wrong.
 */
export const clusterStatusText = (
  terminal: Pick<Terminal, "paintOut">,
  status: ClusterStatus,
  loads?: ShardLoads,
): string => {
  const { nodes, decisions, problems } = status
  const parts = [
    facts(terminal, factRows(status)),
    table(terminal, nodeColumns(status, loads), nodes),
    decisions.length > 0 &&
      table(terminal, decisionColumns, decisions.slice(-decisionsShownMax).reverse()),
    problems.length > 0 &&
      problems.map((text) => `${terminal.paintOut("yellow", "!")} ${safeText(text)}\n`).join(""),
  ]
  return parts.filter((part) => part !== false).join("\n")
}

const decisionsShownMax = 10
const barMax = 24

const factRows = (status: ClusterStatus): readonly (readonly [string, string])[] => {
  const { fabricId, node, nodes, manager, tableVersion, shards, unplaced } = status
  const serving = nodes.filter(({ state }) => state === "serving").length
  return [
    ["fabric", fabricId],
    ["answered by", node],
    ["nodes", `${serving} of ${nodes.length} serving`],
    ["manager", manager ?? "none is known"],
    ["shards", `${shards - unplaced.length} of ${shards} placed, table version ${tableVersion}`],
  ]
}

const nodeColumns = (
  { nodes, manager }: ClusterStatus,
  loads: ShardLoads | undefined,
): readonly Column<ClusterNode>[] => {
  const most = nodes.reduce((max, { shards }) => Math.max(max, shards.length), 1)
  const bar = (count: number) => "█".repeat(Math.ceil((count / most) * Math.min(most, barMax)))
  const last =
    loads === undefined
      ? [{ title: "* = MANAGER", cell: ({ shards }: ClusterNode) => bar(shards.length) }]
      : loadColumns(loads)
  return [
    { title: "NODE", cell: ({ node }) => (node === manager ? `${node} *` : node) },
    { title: "STATE", cell: ({ state }) => state },
    { title: "ADDRESS", cell: ({ address }) => address || "-" },
    { title: "PID", align: "right", cell: ({ pid }) => (pid === 0 ? "-" : String(pid)) },
    { title: "INSTANCE", cell: ({ instance }) => instance.slice(0, 8) || "-" },
    { title: "SHARDS", align: "right", cell: ({ shards }) => String(shards.length) },
    ...last,
  ]
}

/** A full bar is a node whose thread does nothing else. */
const loadColumns = ({ loads }: ShardLoads): readonly Column<ClusterNode>[] => {
  const sum = (node: string, of: (load: ShardLoads["loads"][number]) => number): number =>
    loads.reduce((total, load) => (load.node === node ? total + of(load) : total), 0)
  const busyOf = ({ node }: ClusterNode): number =>
    Math.min(
      1,
      sum(node, ({ busy }) => busy),
    )
  return [
    {
      title: "MSG/S",
      align: "right",
      cell: ({ node }) => showCount(Math.round(sum(node, (load) => load.messagesPerSecond))),
    },
    {
      title: "WAITING",
      align: "right",
      cell: ({ node }) => showCount(sum(node, ({ depth }) => depth)),
    },
    { title: "BUSY", align: "right", cell: (node) => `${Math.round(100 * busyOf(node))}%` },
    { title: "* = MANAGER", cell: (node) => "█".repeat(Math.ceil(busyOf(node) * barMax)) },
  ]
}

const decisionColumns: readonly Column<ClusterDecision>[] = [
  { title: "DECIDED", cell: ({ atMs }) => new Date(atMs).toISOString() },
  { title: "WHAT", cell: ({ what }) => what },
  { title: "WHY", cell: ({ reason }) => reason },
]
