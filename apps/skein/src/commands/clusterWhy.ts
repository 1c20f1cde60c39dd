/** Owns: `skein cluster why SHARD`. */
import { shardName } from "@skein/model"
import { safeText } from "../output/safeText.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"
import { shardArgument } from "./shardArgument.js"

export const run: RunCommand = (context) => {
  const shard = shardArgument(context.invocation.args[0] ?? "")
  return context.connected(async ({ client, call }) => {
    const why = await client.whyShard(shard, call)
    if (isJson(context)) await writeJson(context, { shard: shardName(shard), why })
    else await context.terminal.out(why.map((line) => `${safeText(line)}\n`).join(""))
    return undefined
  })
}
