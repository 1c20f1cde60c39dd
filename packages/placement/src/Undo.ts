/**
 * Owns: the judgement of a move of balance after it was done: samples before and after are
 * compared, and one that made p99 or spread worse is taken back, once.
 */
import { type NodeName, shardName } from "@skein/model"
import type { ClusterView, History } from "./ClusterView.js"
import type { Move } from "./Plan.js"
import { type ShardTable, shardsOf } from "./ShardTable.js"
import { tuning } from "./Tuning.js"

export interface MoveSample {
  /** Busiest / idlest, as the policy counts it. */
  readonly spread: number
  /** Worst p99 of a confirm of any shard on the two nodes, milliseconds; 0: no traffic. */
  readonly p99Ms: number
  /** Messages a second of the whole fabric. */
  readonly messagesPerSecond: number
  /** Which nodes served. */
  readonly nodes: readonly NodeName[]
}

/** A move that is still to be judged. */
export interface WatchedMove {
  readonly move: Move
  readonly doneAtMs: number
  readonly before: MoveSample
}

/** What is looked at, before a move begins and again when it is judged. */
export const sampleOf = (
  view: ClusterView,
  table: ShardTable,
  move: Move,
  spread: number,
): MoveSample => {
  const both = [...(move.from === undefined ? [] : shardsOf(table, move.from))]
  both.push(...shardsOf(table, move.to))
  let p99Ms = 0
  for (const shard of both) p99Ms = Math.max(p99Ms, view.loads.get(shard)?.confirmP99Ms ?? 0)
  let messagesPerSecond = 0
  for (const load of view.loads.values()) messagesPerSecond += load.messagesPerSecond
  const nodes = view.nodes.filter(({ state }) => state === "serving").map(({ node }) => node)
  return { spread, p99Ms, messagesPerSecond, nodes: nodes.sort() }
}

/**
 * Why the move is to be taken back; `undefined`: it is not, or nothing can be said.
 * `spreadBack`: what the spread would be now with the shard back: a spread that rose because load
 * rose elsewhere is no reason.
 */
export const worsened = (
  before: MoveSample,
  after: MoveSample,
  spreadBack: number,
): string | undefined => {
  if (before.nodes.join() !== after.nodes.join()) return undefined
  if (after.spread > before.spread * tuning.worseSpread && spreadBack < after.spread) {
    return `busiest / idlest rose from ${before.spread.toFixed(2)} to ${after.spread.toFixed(2)}`
  }
  const traffic = (after.messagesPerSecond + 1) / (before.messagesPerSecond + 1)
  const comparable = traffic < tuning.comparableTraffic && traffic > 1 / tuning.comparableTraffic
  if (!comparable || before.p99Ms === 0) return undefined
  const rose = after.p99Ms - before.p99Ms
  if (rose <= tuning.worseP99Ms || after.p99Ms <= before.p99Ms * tuning.worseP99) return undefined
  return `p99 rose from ${before.p99Ms.toFixed(1)} to ${after.p99Ms.toFixed(1)} ms`
}

/** The way back. Only of a move of balance, and only while the shard is where that put it. */
export const undoOf = (
  watched: WatchedMove,
  table: ShardTable,
  after: MoveSample,
  spreadBack: number,
): Move | undefined => {
  const { move, before } = watched
  const { shard, from, to } = move
  if (move.kind !== "balance" || from === undefined || table.owners[shard] !== to) return undefined
  if (!after.nodes.includes(from) || table.draining.includes(from)) return undefined
  const why = worsened(before, after, spreadBack)
  if (why === undefined) return undefined
  const reason = `${shardName(shard)} goes back from ${to} to ${from}: since it moved, ${why}`
  return { shard, from: to, to: from, reason, kind: "undo" }
}

/** The history after a move: the shard rests; one taken back does not go there again. */
export const historyAfter = (
  history: History,
  move: Move,
  outcome: "done" | "refused",
  nowMs: number,
): History => {
  const { shard, from, kind } = move
  if (outcome === "refused") {
    return { ...history, refusedAtMs: new Map(history.refusedAtMs).set(shard, nowMs) }
  }
  if (kind !== "balance" && kind !== "undo") return history
  const movedAtMs = new Map(history.movedAtMs).set(shard, nowMs)
  if (kind !== "undo" || from === undefined) return { ...history, movedAtMs }
  const bar = { node: from, untilMs: nowMs + tuning.barredMs }
  return { ...history, movedAtMs, bars: new Map(history.bars).set(shard, bar) }
}
