/** Owns: `skein queue purge`. */
import { exitCodes } from "../exitCodes.js"
import { showMessages } from "../output/figures.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"
import { confirm } from "./confirm.js"

export const run: RunCommand = (context) =>
  context.connected(async ({ client, call }) => {
    const { invocation, settings, terminal } = context
    const [queue = ""] = invocation.args
    const { counts } = await client.show(queue, call)
    const ready = showMessages(counts.ready, "ready ")
    const target = `purge queue ${queue} (${ready}) at ${settings.address}`
    if (!(await confirm(context, target))) return exitCodes.failed
    const purged = await client.purge(queue, call)
    if (isJson(context)) await writeJson(context, { queue, purged, address: settings.address })
    else await terminal.out(`purged ${showMessages(purged)} of ${queue}\n`)
    return undefined
  })
