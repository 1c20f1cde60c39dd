/** Owns: `skein queue show`. */
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"
import { queueStatusFacts } from "./queueFacts.js"

export const run: RunCommand = (context) =>
  context.connected(async ({ client, call }) => {
    const { invocation, terminal } = context
    const [name = ""] = invocation.args
    const status = await client.show(name, call)
    if (isJson(context)) await writeJson(context, status)
    else await terminal.out(queueStatusFacts(terminal, status))
    return undefined
  })
