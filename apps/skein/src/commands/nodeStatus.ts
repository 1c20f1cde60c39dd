/** Owns: `skein node status`. */
import type { NodeStatus, TreeEntry } from "@skein/wire"
import { showCount, showSize, showTime } from "../output/figures.js"
import type { Terminal } from "../output/Terminal.js"
import { type Column, facts, table } from "../output/table.js"
import { type TreeLine, treeLines } from "../output/tree.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"

export const run: RunCommand = (context) =>
  context.connected(async ({ client, call }) => {
    const status = await client.status(call)
    if (isJson(context)) await writeJson(context, status)
    else
      await context.terminal.out(
        nodeStatusText(context.terminal, status, {
          limits: context.invocation.isOn("limits"),
          tree: context.invocation.isOn("tree"),
        }),
      )
    return undefined
  })

/**
 * What there is, what it uses, and the parts that do not plainly run; the whole supervision tree
 * and the limits if asked for.
 */
export const nodeStatusText = (
  terminal: Pick<Terminal, "paintOut">,
  status: NodeStatus,
  shown: { readonly limits?: boolean; readonly tree?: boolean },
): string => {
  const limits = Object.entries(status.limits)
  return [
    facts(terminal, nodeRows(status)),
    partsText(terminal, status.tree, shown.tree === true),
    shown.limits === true && `\n${table(terminal, limitColumns, limits)}`,
  ]
    .filter((part) => part !== false)
    .join("")
}

const partsText = (
  terminal: Pick<Terminal, "paintOut">,
  tree: readonly TreeEntry[],
  isWhole: boolean,
): string | false => {
  if (isWhole) return `\n${table(terminal, partColumns, treeLines(tree, isPlain))}`
  const troubled = tree.filter((entry) => !isPlain(entry))
  const rows = troubled.map((entry) => ({ label: entry.path, entry }))
  return rows.length > 0 && `\n${table(terminal, partColumns, rows)}`
}

const isPlain = ({ state, restarts }: TreeEntry): boolean => state === "running" && restarts === 0

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

const partColumns: readonly Column<TreeLine<TreeEntry>>[] = [
  { title: "PART", cell: ({ label }) => label },
  { title: "STATE", cell: ({ entry }) => entry?.state ?? "" },
  { title: "RESTARTS", align: "right", cell: ({ entry }) => entry?.restarts.toString() ?? "" },
  { title: "LAST CAUSE", cell: ({ entry }) => entry?.lastCause ?? "" },
]

const limitColumns: readonly Column<readonly [string, number]>[] = [
  { title: "LIMIT", cell: ([name]) => name },
  { title: "VALUE", align: "right", cell: ([, value]) => showCount(value) },
]
