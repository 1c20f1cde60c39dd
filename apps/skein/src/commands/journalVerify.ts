/** Owns: `skein journal verify DIR`: what was checked and what is damaged; damage exits 8. */

import type { Verified, VerifiedLog, VerifiedShard } from "@skein/journal-file"
import { shardName } from "@skein/model"
import { exitCodes } from "../exitCodes.js"
import { showCount, showSize } from "../output/figures.js"
import { safeText } from "../output/safeText.js"
import { type Column, table } from "../output/table.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"

export const run: RunCommand = async (context) => {
  const { verifyDirectory } = await import("@skein/journal-file")
  const [dir = ""] = context.invocation.args
  const found: Found = { fabric: undefined, logs: [], shards: [] }
  for await (const verified of verifyDirectory(dir)) {
    if (context.signal.aborted) return exitCodes.interrupted
    note(found, verified)
  }
  const problems = problemsOf(found)
  if (isJson(context)) {
    await writeJson(context, { ...found, problems, isIntact: problems.length === 0 })
  } else {
    const { terminal } = context
    const used = found.shards.filter(({ epoch }) => epoch > 0)
    await terminal.out(table(terminal, columns, used))
    for (const { torn } of found.logs) if (torn !== undefined) terminal.err(`torn tail: ${torn}\n`)
    for (const problem of problems) {
      terminal.err(`${terminal.paintErr("red", "damaged:")} ${safeText(problem)}\n`)
    }
    await terminal.out(`${summary(found, problems.length)}\n`)
  }
  return problems.length === 0 ? exitCodes.ok : exitCodes.damaged
}

interface Found {
  fabric: { readonly fabricId: string; readonly shards: number } | undefined
  readonly logs: VerifiedLog[]
  readonly shards: VerifiedShard[]
}

const note = (found: Found, verified: Verified): void => {
  if (verified.kind === "fabric") found.fabric = verified.fabric
  else if (verified.kind === "log") found.logs.push(verified)
  else found.shards.push(verified)
}

const problemsOf = ({ logs, shards }: Found): readonly string[] => [
  ...logs.flatMap(({ instance, damages }) => damages.map((each) => `log ${instance}: ${each}`)),
  ...shards.flatMap(({ shard, problems }) =>
    problems.map((each) => `${shardName(shard)}: ${each}`),
  ),
]

const summary = ({ fabric, shards, logs }: Found, problems: number): string => {
  const records = shards.reduce((sum, shard) => sum + shard.recordNumber, 0)
  const what = `${shards.length} shards, ${logs.length} logs, ${showCount(records)} records`
  const how = problems === 0 ? "intact" : `${problems} problems`
  return `fabric ${fabric?.fabricId ?? "?"}: ${what}: ${how}`
}

const columns: readonly Column<VerifiedShard>[] = [
  { title: "SHARD", cell: ({ shard }) => shardName(shard) },
  { title: "EPOCH", align: "right", cell: ({ epoch }) => String(epoch) },
  { title: "LAST RECORD", align: "right", cell: ({ recordNumber }) => showCount(recordNumber) },
  { title: "CHECKPOINT", align: "right", cell: ({ checkpointRecord: at }) => showCount(at) },
  { title: "CHUNKS", align: "right", cell: ({ chunks }) => showCount(chunks) },
  { title: "TORN", align: "right", cell: ({ tornBytes }) => showSize(tornBytes) },
  { title: "STATE", cell: ({ problems }) => (problems.length === 0 ? "intact" : "damaged") },
]
