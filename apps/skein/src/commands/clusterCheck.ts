/**
 * Owns: `skein cluster check`, for scripts and probes: 0 when the fabric is healthy, else
 * `exitCodes.unhealthy` and a line for each thing that is wrong.
 */
import { clusterProblems } from "../cluster/clusterProblems.js"
import { exitCodes } from "../exitCodes.js"
import { safeText } from "../output/safeText.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"

export const run: RunCommand = (context) =>
  context.connected(async ({ client, call }) => {
    const [status, loads] = await Promise.all([client.cluster(call), client.shardLoads(call)])
    const problems = clusterProblems(status, loads)
    const healthy = problems.length === 0
    if (isJson(context)) await writeJson(context, { healthy, problems })
    else if (healthy) await context.terminal.out("healthy\n")
    else await context.terminal.out(problems.map((line) => `${safeText(line)}\n`).join(""))
    return healthy ? exitCodes.ok : exitCodes.unhealthy
  })
