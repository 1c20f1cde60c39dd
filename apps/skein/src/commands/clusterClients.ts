/** Owns: `skein cluster clients`. */
import { shardName } from "@skein/model"
import type { ClientList, ConnectedClient, QueueUse } from "@skein/wire"
import { showCount, showTime } from "../output/figures.js"
import { safeText } from "../output/safeText.js"
import type { Terminal } from "../output/Terminal.js"
import { type Column, table } from "../output/table.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"

export const run: RunCommand = (context) =>
  context.connected(async ({ client, call }) => {
    const list = await client.clients(context.invocation.text("at"), call)
    if (isJson(context)) await writeJson(context, list)
    else await context.terminal.out(clientsText(context.terminal, list))
    return undefined
  })

/** A line a connection; what is missing is said below. */
export const clientsText = (terminal: Pick<Terminal, "paintOut">, list: ClientList): string => {
  const { clients, more, silent } = list
  const notes = silent.map((node) => `${node} gave no answer`)
  if (more > 0) notes.push(`${showCount(more)} more connections are not shown`)
  const shown = notes.map((note) => `${terminal.paintOut("yellow", "!")} ${safeText(note)}\n`)
  return [table(terminal, columns, clients), ...shown].join("")
}

const columns: readonly Column<ConnectedClient>[] = [
  { title: "NODE", cell: ({ node }) => node },
  { title: "CLIENT", cell: ({ clientName }) => clientName ?? "-" },
  { title: "FROM", cell: ({ peer }) => peer },
  { title: "SINCE", align: "right", cell: ({ connectedMs }) => showTime(connectedMs) },
  { title: "SESSIONS", align: "right", cell: ({ sessions }) => showCount(sessions) },
  { title: "PUBLISHES TO", cell: ({ publishes }) => showUses(publishes) },
  { title: "CONSUMES FROM", cell: ({ consumes }) => showUses(consumes) },
]

/** `orders (12)`: so many requests. */
const showUses = (uses: readonly QueueUse[]): string =>
  uses.map((use) => `${nameOf(use)} (${showCount(use.requests)})`).join(", ") || "-"

const nameOf = ({ name, shard, generation }: QueueUse): string =>
  name ?? `${shardName(shard)}/${generation}`
