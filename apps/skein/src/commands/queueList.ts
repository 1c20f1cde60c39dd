/** Owns: `skein queue list`: all pages. */
import { limits, shardName } from "@skein/model"
import type { ListRequest, QueueInfo } from "@skein/wire"
import { showDuration } from "../grammar/ValueKind.js"
import { showCount } from "../output/figures.js"
import { type Column, table } from "../output/table.js"
import { type Connected, isJson, type RunCommand, writeJson } from "./CommandContext.js"

export const run: RunCommand = (context) =>
  context.connected(async (connected) => {
    const { invocation, terminal } = context
    const rowsMax = invocation.number("count") ?? limits.queuesPerFabricMax
    const queues = await allPages(connected, invocation.text("prefix"), rowsMax)
    if (isJson(context)) await writeJson(context, queues)
    else if (queues.length > 0) await terminal.out(table(terminal, columns, queues))
    else terminal.err("no queues\n")
    return undefined
  })

const columns: readonly Column<QueueInfo>[] = [
  { title: "QUEUE", cell: ({ name }) => name },
  { title: "SHARD", cell: ({ shard }) => shardName(shard) },
  { title: "GENERATION", align: "right", cell: ({ generation }) => String(generation) },
  { title: "LEASE", align: "right", cell: ({ policy }) => showDuration(policy.leaseMs) },
  { title: "MESSAGES MAX", align: "right", cell: ({ policy }) => showCount(policy.messagesMax) },
]

const allPages = async (
  { client, call }: Connected,
  prefix: string | undefined,
  rowsMax: number,
): Promise<readonly QueueInfo[]> => {
  const queues: QueueInfo[] = []
  let after: string | undefined
  while (queues.length < rowsMax) {
    const request: ListRequest = {
      rowsMax: Math.min(limits.listPageRowsMax, rowsMax - queues.length),
      ...(prefix !== undefined && { prefix }),
      ...(after !== undefined && { after }),
    }
    const page = await client.list(request, call)
    for (const queue of page.queues) queues.push(queue)
    if (page.next === undefined) break
    after = page.next
  }
  return queues
}
