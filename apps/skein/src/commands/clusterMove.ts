/** Owns: `skein cluster move SHARD NODE`. */
import { shardName } from "@skein/model"
import { exitCodes } from "../exitCodes.js"
import { safeText } from "../output/safeText.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"
import { confirm } from "./confirm.js"
import { shardArgument } from "./shardArgument.js"

export const run: RunCommand = (context) => {
  const { invocation, settings, terminal } = context
  const [shardText = "", node = ""] = invocation.args
  const shard = shardArgument(shardText)
  const name = shardName(shard)
  return context.connected(async ({ client, call }) => {
    const target = `move ${name} to ${node} at ${settings.address}`
    if (!(await confirm(context, target))) return exitCodes.failed
    await client.moveShard(shard, node, call)
    if (isJson(context)) await writeJson(context, { shard: name, node, moved: true })
    else await terminal.out(`${name} is on ${safeText(node)}\n`)
    return undefined
  })
}
