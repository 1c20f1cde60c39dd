/**
 * Owns: `skein cluster check`, for scripts and probes: 0 when the fabric is healthy, else
 * `exitCodes.unhealthy` and a line for each thing that is wrong.
 */
import { type Shard, shardName } from "@skein/model"
import type { ClusterStatus, ShardLoads } from "@skein/wire"
import { exitCodes } from "../exitCodes.js"
import { safeText } from "../output/safeText.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"

export const run: RunCommand = (context) =>
  context.connected(async ({ client, call }) => {
    const [status, loads] = await Promise.all([client.cluster(call), client.shardLoads(call)])
    const problems = problemsOf(status, loads)
    const healthy = problems.length === 0
    if (isJson(context)) await writeJson(context, { healthy, problems })
    else if (healthy) await context.terminal.out("healthy\n")
    else await context.terminal.out(problems.map((line) => `${safeText(line)}\n`).join(""))
    return healthy ? exitCodes.ok : exitCodes.unhealthy
  })

/** What the answering node sees wrong, nodes without an answer, shards that are open nowhere. */
export const problemsOf = (status: ClusterStatus, { loads, silent }: ShardLoads): string[] => {
  const open = new Set(loads.map(({ shard }) => shard))
  const unplaced = new Set(status.unplaced)
  const closed: Shard[] = []
  for (let shard = 0; shard < status.shards; shard++) {
    if (!open.has(shard) && !unplaced.has(shard)) closed.push(shard)
  }
  const named = closed.slice(0, namedMax).map(shardName).join(", ")
  const others = closed.length > namedMax ? ` and ${closed.length - namedMax} more` : ""
  return [
    ...status.problems,
    ...silent.map((node) => `${node} gave no answer`),
    ...(closed.length === 0 ? [] : [`no node has opened ${named}${others}`]),
  ]
}

const namedMax = 8
