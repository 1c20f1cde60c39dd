/** Owns: `skein cluster rebalance`. */
import { exitCodes } from "../exitCodes.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"
import { planText } from "./clusterPlan.js"
import { confirm } from "./confirm.js"

export const run: RunCommand = (context) =>
  context.connected(async ({ client, call }) => {
    const { settings, terminal } = context
    const planned = await client.planMoves(call)
    const count = planned.moves.length
    const shards = `${count} shard${count === 1 ? "" : "s"}`
    const target = `move ${shards} at ${settings.address}`
    if (count > 0 && !(await confirm(context, target))) return exitCodes.failed
    const plan = count === 0 ? planned : await client.rebalance(call)
    if (isJson(context)) await writeJson(context, plan)
    else await terminal.out(planText(terminal, plan))
    return undefined
  })
