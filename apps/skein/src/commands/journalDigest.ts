/** Owns: `skein journal digest DIR`: equal digests, equal durable facts. */
import type { ShardDigest } from "@skein/journal-file"
import { shardName } from "@skein/model"
import { exitCodes } from "../exitCodes.js"
import { digestShard } from "../journal/digestShard.js"
import { showCount } from "../output/figures.js"
import { type Column, table } from "../output/table.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"

export const run: RunCommand = async (context) => {
  const { digestDirectory } = await import("@skein/journal-file")
  const [dir = ""] = context.invocation.args
  const rows: ShardDigest[] = []
  for await (const row of digestDirectory(dir, digestShard)) {
    if (context.signal.aborted) return exitCodes.interrupted
    rows.push(row)
  }
  if (isJson(context)) await writeJson(context, rows)
  else await context.terminal.out(table(context.terminal, columns, rows))
  return undefined
}

const columns: readonly Column<ShardDigest>[] = [
  { title: "SHARD", cell: ({ shard }) => shardName(shard) },
  { title: "LAST RECORD", align: "right", cell: ({ recordNumber }) => showCount(recordNumber) },
  { title: "DIGEST", cell: ({ digest }) => digest },
]
