/** Owns: `skein queue delete`. */
import { skeinError } from "@skein/model"
import { exitCodes } from "../exitCodes.js"
import { showMessages } from "../output/figures.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"
import { confirm } from "./confirm.js"

export const run: RunCommand = (context) =>
  context.connected(async ({ client, call }) => {
    const { invocation, settings, terminal } = context
    const [queue = ""] = invocation.args
    const { counts } = await client.show(queue, call)
    const all = showMessages(counts.total)
    const target = `delete queue ${queue} (${all}) at ${settings.address}`
    if (!(await confirm(context, target))) return exitCodes.failed
    if (!(await client.delete(queue, call))) {
      throw skeinError("QueueNotFound", `there is no queue ${queue} any more`)
    }
    if (isJson(context)) {
      const { address } = settings
      await writeJson(context, { queue, deleted: true, messages: counts.total, address })
    } else await terminal.out(`deleted ${queue}\n`)
    return undefined
  })
