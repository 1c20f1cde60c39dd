/** Owns: the manager of this node as operators reach it: its calls and what it remembers. */
import type { Move, Plan } from "@skein/placement"
import type { ManagerPort, MovePlan, PlannedMove } from "@skein/wire"
import type { DecisionLog } from "./DecisionLog.js"
import type { ManagerCalls } from "./ManagerCalls.js"

/** All of it rejects with ManagerUnavailable while another node is the manager, or none. */
export const managerPort = (calls: ManagerCalls, log: DecisionLog): ManagerPort => ({
  drainNode: (node) => calls.drain(node),
  reviveNode: (node) => calls.revive(node),
  planMoves: async () => shownPlan(await calls.plan()),
  rebalance: async () => shownPlan(await calls.rebalance()),
  whyShard: (shard) => calls.why(shard),
  moveShard: (shard, node) => calls.move(shard, node),
  decisions: async (request) => {
    await calls.managing()
    return log.page(request)
  },
})

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
