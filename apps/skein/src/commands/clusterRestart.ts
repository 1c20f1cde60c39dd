/**
 * Owns: `skein cluster restart [NODE…]`: a rolling restart while clients work. Steps go to standard
 * error; what was done, with the moves that it took, to standard output.
 */
import { NotWhole, type RestartedNode, RollingRestart } from "../cluster/RollingRestart.js"
import { exitCodes } from "../exitCodes.js"
import { showTime } from "../output/figures.js"
import { safeText } from "../output/safeText.js"
import { type Column, table } from "../output/table.js"
import { type CommandContext, isJson, type RunCommand, writeJson } from "./CommandContext.js"
import { confirm } from "./confirm.js"
import { pause } from "./pause.js"

const lookEveryMs = 200

export const run: RunCommand = (context) =>
  context.connected(async ({ client, call }) => {
    const { invocation, nowMs, settings, signal, terminal } = context
    const restart = new RollingRestart({
      ...{ client, call, nowMs, signal },
      pause: () => pause(lookEveryMs, signal),
      onStep: (text) => isJson(context) || terminal.err(`${safeText(text)}\n`),
    })
    try {
      const order = await restart.order(invocation.args)
      const target = `restart ${order.join(", ")}, one after the other, at ${settings.address}`
      if (!(await confirm(context, target))) return exitCodes.failed
      const nodes = await restart.run(order)
      const { moves } = restart
      if (isJson(context)) await writeJson(context, { nodes, moves })
      else await terminal.out(`${table(terminal, columns, nodes)}\nmoves of shards  ${moves}\n`)
      return undefined
    } catch (cause) {
      if (cause instanceof NotWhole) return notWhole(context, cause)
      throw cause
    }
  })

/** As `cluster check` says it. */
const notWhole = async (context: CommandContext, { problems }: NotWhole): Promise<number> => {
  if (isJson(context)) await writeJson(context, { healthy: false, problems })
  else {
    const lines = problems.map((line) => `${safeText(line)}\n`)
    await context.terminal.out(
      `No node is restarted while the fabric is not healthy:\n${lines.join("")}`,
    )
  }
  return exitCodes.unhealthy
}

const columns: readonly Column<RestartedNode>[] = [
  { title: "NODE", cell: ({ node }) => node },
  { title: "SHARDS", align: "right", cell: ({ shards }) => String(shards) },
  { title: "TOOK", align: "right", cell: ({ tookMs }) => showTime(tookMs) },
]
