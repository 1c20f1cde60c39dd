/** Owns: `skein cluster revive NODE`. */
import { safeText } from "../output/safeText.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"

export const run: RunCommand = (context) =>
  context.connected(async ({ client, call }) => {
    const [node = ""] = context.invocation.args
    await client.reviveNode(node, call)
    if (isJson(context)) await writeJson(context, { node, draining: false })
    else await context.terminal.out(`${safeText(node)} may have shards again\n`)
    return undefined
  })
