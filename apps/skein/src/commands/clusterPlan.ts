/** Owns: `skein cluster plan`, and how a plan is shown. */
import { shardName } from "@skein/model"
import type { MovePlan, PlannedMove } from "@skein/wire"
import type { Terminal } from "../output/Terminal.js"
import { type Column, facts, table } from "../output/table.js"
import { isJson, type RunCommand, writeJson } from "./CommandContext.js"

export const run: RunCommand = (context) =>
  context.connected(async ({ client, call }) => {
    const plan = await client.planMoves(call)
    if (isJson(context)) await writeJson(context, plan)
    else await context.terminal.out(planText(context.terminal, plan))
    return undefined
  })

/** The moves with reasons, the spread of load before and after, and why there are no more. */
export const planText = (terminal: Pick<Terminal, "paintOut">, plan: MovePlan): string => {
  const { moves, spread, held } = plan
  const rows: (readonly [string, string])[] = [
    ["moves", moves.length === 0 ? "none" : String(moves.length)],
    ["spread", `${showSpread(spread.before)} now, ${showSpread(spread.after)} after`],
  ]
  if (held !== undefined) rows.push(["held", held])
  const shown = facts(terminal, rows)
  return moves.length === 0 ? shown : `${table(terminal, columns, moves)}\n${shown}`
}

/** Busiest to idlest node. */
const showSpread = (spread: number): string => (spread >= 1_000 ? "> 1000" : spread.toFixed(2))

const columns: readonly Column<PlannedMove>[] = [
  { title: "SHARD", cell: ({ shard }) => shardName(shard) },
  { title: "FROM", cell: ({ from }) => from ?? "-" },
  { title: "TO", cell: ({ to }) => to },
  { title: "KIND", cell: ({ kind }) => kind },
  { title: "WHY", cell: ({ reason }) => reason },
]
