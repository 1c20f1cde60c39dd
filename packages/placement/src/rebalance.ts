/**
 * Owns: moving shards that are served: off nodes that drain or leave, and from busy nodes to idle
 * ones. Hysteresis: it begins above one spread and ends below another; a target stays a margin
 * below what the source was; a shard that was moved rests.
 *
 * It ends: each move of balance lowers the higher one of its two nodes and lifts the other one to
 * less than that, so that the sorted levels only go down.
 */
import { limits, type Shard, shardName } from "@skein/model"
import { isBarred } from "./allocate.js"
import type { ClusterView } from "./ClusterView.js"
import { candidates, isEvacuated } from "./candidates.js"
import { showLoad } from "./Load.js"
import { type LoadedNode, levelOf, levelWith, type Measure, NodeLoads } from "./NodeLoads.js"
import type { Move, Plan } from "./Plan.js"
import { movingOf, type ShardTable, shardsOf } from "./ShardTable.js"
import { tuning } from "./Tuning.js"

export const rebalance = (view: ClusterView, table: ShardTable, measure: Measure): Plan => {
  const work = new NodeLoads(table, candidates(view, table), measure)
  const before = work.spread()
  const planOf = (moves: readonly Move[], held?: string): Plan => ({
    moves,
    spread: { before, after: work.spread() },
    ...(held === undefined ? {} : { held }),
  })
  const under = movingOf(table).length
  if (under > 0) return planOf([], `${under} moves are under way`)
  const leaving = view.nodes.filter((node) => isEvacuated(table, node))
  const toEvacuate = leaving.flatMap(({ node }) => shardsOf(table, node))
  if (toEvacuate.length > 0) {
    if (work.nodes.length === 0) return planOf([], "no other node may take the shards")
    return planOf(evacuation(view, table, work, toEvacuate))
  }
  const held = unsettled(view)
  if (held !== undefined) return planOf([], held)
  return planOf(balance({ view, table, work, measure }))
}

/** Why this is no time for balance; `undefined`: it is. */
const unsettled = (view: ClusterView): string | undefined => {
  for (const { node, state, stateSinceMs } of view.nodes) {
    const forMs = view.nowMs - stateSinceMs
    if (state === "serving") {
      if (forMs < tuning.joinedSettlesMs) return `${node} joined ${Math.round(forMs)} ms ago`
    } else if (forMs < tuning.unsettledHoldsMs) {
      return `${node} is ${state} since ${Math.round(forMs)} ms`
    }
  }
  return undefined
}

const evacuation = (
  view: ClusterView,
  table: ShardTable,
  work: NodeLoads,
  shards: readonly Shard[],
): Move[] => {
  // Those whose move was refused lately go behind the others, else they would keep them here.
  const triedMs = (shard: Shard) => view.history.refusedAtMs.get(shard) ?? 0
  const inOrder = [...shards].sort(
    (a, b) => triedMs(a) - triedMs(b) || work.loadOf(b) - work.loadOf(a) || a - b,
  )
  return inOrder.slice(0, limits.movesPerRoundMax).map((shard): Move => {
    const from = table.owners[shard]
    const load = work.loadOf(shard)
    const to = work.nodes.reduce((a, b) => (levelWith(b, load) < levelWith(a, load) ? b : a))
    const why = from !== undefined && table.draining.includes(from) ? "is drained" : "is leaving"
    const reason =
      `${shardName(shard)}: ${from} ${why}, ${shards.length} shards are still to go; ` +
      `${to.node} had the least load (${to.shards.size} shards, ${levelOf(to).toFixed(3)})`
    work.move(shard, from, to.node)
    return { shard, from, to: to.node, reason, kind: "evacuate" }
  })
}

interface Balance {
  readonly view: ClusterView
  readonly table: ShardTable
  readonly work: NodeLoads
  readonly measure: Measure
}

const balance = (state: Balance): Move[] => {
  const { measure } = state
  const moves: Move[] = []
  const begins = measure.counting ? 1 : tuning.spreadBegins
  const ends = measure.counting ? 1 : tuning.spreadEnds
  const moved = new Set<Shard>()
  while (moves.length < limits.movesPerRoundMax) {
    const step = bestStep(state, moves.length === 0 ? begins : ends, moved)
    if (step === undefined) break
    moves.push(taken(state, step))
    moved.add(step.shard)
  }
  return moves
}

interface Step {
  readonly shard: Shard
  readonly from: LoadedNode
  readonly to: LoadedNode
}

/**
 * From the busiest node that a move can help, to where it helps most. A shard that would go home
 * goes first: what a node lost comes back to it before others are moved there.
 */
const bestStep = (
  state: Balance,
  spreadMin: number,
  moved: ReadonlySet<Shard>,
): Step | undefined => {
  const byLevel = state.work.byLevel()
  for (const homesOnly of [true, false]) {
    for (const from of byLevel) {
      const steps: Step[] = []
      for (const to of byLevel) {
        if (levelOf(from) <= levelOf(to) * spreadMin) continue
        for (const shard of from.shards) {
          if (moved.has(shard) || (homesOnly && !isHome(state, shard, to))) continue
          if (fits(state, shard, from, to)) steps.push({ shard, from, to })
        }
      }
      if (steps.length > 0) return steps.reduce((a, b) => (isBetter(state, b, a) ? b : a))
    }
  }
  return undefined
}

/** It leaves the higher of the two nodes lower; of equals, the lower target, then what is small. */
const isBetter = (state: Balance, one: Step, other: Step): boolean => {
  const [a, b] = [outcome(state, one), outcome(state, other)]
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return a[at] < b[at]
  return false
}

const outcome = ({ view, work }: Balance, { shard, from, to }: Step): readonly number[] => {
  const load = work.loadOf(shard)
  const toAfter = levelWith(to, load)
  const higher = Math.max(levelWith(from, -load), toAfter)
  return [higher, toAfter, view.loads.get(shard)?.depth ?? 0, shard]
}

const isHome = ({ table }: Balance, shard: Shard, to: LoadedNode): boolean =>
  table.notes?.[shard]?.home === to.node

const fits = (state: Balance, shard: Shard, from: LoadedNode, to: LoadedNode): boolean => {
  const { view, work, measure } = state
  const { movedAtMs, refusedAtMs } = view.history
  if (isRecent(view, movedAtMs.get(shard), tuning.shardRestsMs)) return false
  if (isRecent(view, refusedAtMs.get(shard), tuning.refusedRestsMs)) return false
  if (isBarred(view, shard, to.node)) return false
  const margin = measure.counting || isHome(state, shard, to) ? 1e-9 : tuning.gainMin
  return levelWith(to, work.loadOf(shard)) < levelOf(from) * (1 - margin)
}

const isRecent = (view: ClusterView, atMs: number | undefined, forMs: number): boolean =>
  atMs !== undefined && view.nowMs - atMs < forMs

const taken = ({ view, table, work }: Balance, { shard, from, to }: Step): Move => {
  const spread = work.spread()
  const [high, low] = [shown(from), shown(to)]
  const home = table.notes?.[shard]?.home === to.node ? ", its home" : ""
  work.move(shard, from.node, to.node)
  const reason =
    `${shardName(shard)}, ${showLoad(view.loads.get(shard))}, from ${from.node} (${high}) ` +
    `to ${to.node} (${low}${home}): then ${shown(from)} and ${shown(to)}; ` +
    `busiest / idlest ${spread.toFixed(2)} -> ${work.spread().toFixed(2)}`
  return { shard, from: from.node, to: to.node, reason, kind: "balance" }
}

const shown = (node: LoadedNode): string =>
  `load ${levelOf(node).toFixed(3)} of ${node.shards.size} shards`
