/** Owns: `skein node status`. */
import type { NodeStatus, TreeEntry } from "@skein/wire"
import { showCount, showSize, showTime } from "../output/figures.js"
import type { Terminal } from "../output/Terminal.js"
import { type Column, facts, table } from "../output/table.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"

export const run: RunCommand = (context) =>
  context.connected(async ({ client, call }) => {
    const status = await client.status(call)
    if (isJson(context)) await writeJson(context, status)
    else await context.terminal.out(nodeStatusText(context.terminal, status))
    return undefined
  })

/** What there is, what it uses, the supervision tree where it is not plainly running, limits. */
export const nodeStatusText = (
  terminal: Pick<Terminal, "paintOut">,
  status: NodeStatus,
): string => {
  const troubled = status.tree.filter(({ state, restarts }) => state !== "running" || restarts > 0)
  const limits = Object.entries(status.limits)
  return [
    facts(terminal, nodeRows(status)),
    troubled.length > 0 && `\n${table(terminal, treeColumns, troubled)}`,
    limits.length > 0 && `\n${table(terminal, limitColumns, limits)}`,
  ]
    .filter((part) => part !== false)
    .join("")
}

const nodeRows = (status: NodeStatus): readonly (readonly [string, string])[] => [
  ["node", status.node],
  ["version", status.version],
  ["address", status.address],
  ["fabric", status.fabricId],
  ["instance", status.instance],
  ["pid", String(status.pid)],
  ["up", showTime(status.uptimeMs)],
  ["ready", status.ready ? "yes" : "no: it is drained, joins or leaves"],
  ["shards", `${status.shardsOpen} of ${status.shards} open`],
  ["queues", showCount(status.queues)],
  ["connections", showCount(status.connections)],
  ["sessions", showCount(status.sessions)],
  ["memory", showSize(status.rssBytes)],
  ["journal", `${status.journal.driver}, durability ${status.journal.durability}`],
  ["  uncleaned", showSize(status.journal.uncleanedBytes)],
  ["  free", showSize(status.journal.freeBytes)],
  ["  commits", showCount(status.journal.commits)],
  ["  committed", showSize(status.journal.committedBytes)],
  ["supervised", `${showCount(status.tree.length)} parts`],
]

const treeColumns: readonly Column<TreeEntry>[] = [
  { title: "PART", cell: ({ path }) => path },
  { title: "STATE", cell: ({ state }) => state },
  { title: "RESTARTS", align: "right", cell: ({ restarts }) => String(restarts) },
  { title: "LAST CAUSE", cell: ({ lastCause = "" }) => lastCause },
]

const limitColumns: readonly Column<readonly [string, number]>[] = [
  { title: "LIMIT", cell: ([name]) => name },
  { title: "VALUE", align: "right", cell: ([, value]) => showCount(value) },
]
