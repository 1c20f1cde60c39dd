/** Owns: `skein cluster status`. */
import type { ClusterDecision, ClusterNode, ClusterStatus } from "@skein/wire"
import { safeText } from "../output/safeText.js"
import type { Terminal } from "../output/Terminal.js"
import { type Column, facts, table } from "../output/table.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"

export const run: RunCommand = (context) =>
  context.connected(async ({ client, call }) => {
    const status = await client.cluster(call)
    if (isJson(context)) await writeJson(context, status)
    else await context.terminal.out(clusterStatusText(context.terminal, status))
    return undefined
  })

/** The nodes with their shards as bars, what the manager did last, and what is wrong. */
export const clusterStatusText = (
  terminal: Pick<Terminal, "paintOut">,
  status: ClusterStatus,
): string => {
  const { nodes, decisions, problems } = status
  const parts = [
    facts(terminal, factRows(status)),
    table(terminal, nodeColumns(status), nodes),
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

const nodeColumns = ({ nodes, manager }: ClusterStatus): readonly Column<ClusterNode>[] => {
  const most = nodes.reduce((max, { shards }) => Math.max(max, shards.length), 1)
  const bar = (count: number) => "█".repeat(Math.ceil((count / most) * Math.min(most, barMax)))
  return [
    { title: "NODE", cell: ({ node }) => (node === manager ? `${node} *` : node) },
    { title: "STATE", cell: ({ state }) => state },
    { title: "ADDRESS", cell: ({ address }) => address || "-" },
    { title: "PID", align: "right", cell: ({ pid }) => (pid === 0 ? "-" : String(pid)) },
    { title: "INSTANCE", cell: ({ instance }) => instance.slice(0, 8) || "-" },
    { title: "SHARDS", align: "right", cell: ({ shards }) => String(shards.length) },
    { title: "* = MANAGER", cell: ({ shards }) => bar(shards.length) },
  ]
}

const decisionColumns: readonly Column<ClusterDecision>[] = [
  { title: "DECIDED", cell: ({ atMs }) => new Date(atMs).toISOString() },
  { title: "WHAT", cell: ({ what }) => what },
  { title: "WHY", cell: ({ reason }) => reason },
]
