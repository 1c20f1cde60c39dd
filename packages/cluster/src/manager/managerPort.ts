/** Owns: the manager of this node as operators reach it: its calls and what it remembers. */
import { skeinError } from "@skein/model"
import type { Move, Plan } from "@skein/placement"
import type { ManagerPort, MovePlan, PlannedMove } from "@skein/wire"
import type { DecisionLog } from "./DecisionLog.js"
import type { ManagerCalls } from "./ManagerCalls.js"

/**
 * All of it rejects with ManagerUnavailable while another node is the manager, or none, and while
 * `calls` answers `undefined`: the manager's shell has not started here.
 */
export const managerPort = (
  calls: () => ManagerCalls | undefined,
  log: DecisionLog,
): ManagerPort => {
  const started = async (): Promise<ManagerCalls> => {
    const there = calls()
    if (there !== undefined) return there
    throw skeinError("ManagerUnavailable", "this node has just started, or stops")
  }
  return {
    drainNode: async (node) => (await started()).drain(node),
    reviveNode: async (node) => (await started()).revive(node),
    planMoves: async () => shownPlan(await (await started()).plan()),
    rebalance: async () => shownPlan(await (await started()).rebalance()),
    whyShard: async (shard) => (await started()).why(shard),
    moveShard: async (shard, node) => (await started()).move(shard, node),
    decisions: async (request) => {
      await (await started()).managing()
      return log.page(request)
    },
  }
}

const shownPlan = ({ moves, spread, held }: Plan): MovePlan => ({
  moves: moves.map(shownMove),
  spread,
  ...(held !== undefined && { held }),
})

const shownMove = ({ shard, from, to, reason, kind }: Move): PlannedMove => ({
  shard,
  ...(from !== undefined && { from }),
  to,
  reason,
  kind,
})
