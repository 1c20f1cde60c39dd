/**
 * Owns: what operators ask of the manager: drain, revive, plan, rebalance, why, move. Each takes a
 * turn of the manager's shell; on a node that is not the manager they fail with ManagerUnavailable,
 * whose data names the `manager` when it is known, so that a caller can ask there.
 * Must not know: who asks.
 */
import {
  limits,
  type NodeName,
  type Shard,
  type SkeinError,
  shardName,
  skeinError,
} from "@skein/model"
import {
  type ClusterView,
  candidates,
  type Move,
  movingOf,
  nodeNamed,
  type Plan,
  type ShardTable,
  shardsOf,
  whyShard,
  withDraining,
} from "@skein/placement"
import type { Manager, Managing, NotManaging } from "./Manager.js"
import type { EndedMove } from "./MoveRunner.js"

/** How often a call decides again when another wrote the table first. */
const attemptsMax = 3

export class ManagerCalls {
  constructor(private readonly manager: Manager) {}

  /**
   * Takes all shards from the node, by planned moves, and gives it none until it is revived. Again
   * is fine. Rejects with NodeUnknown, or MoveRefused when no other node could take the shards.
   */
  async drain(node: NodeName): Promise<void> {
    const isChanged = await this.changed(`${node} is drained`, ({ view, table, canMove }) => {
      if (nodeNamed(view, node) === undefined && shardsOf(table, node).length === 0) {
        throw unknown(node, view)
      }
      if (table.draining.includes(node)) return undefined
      if (!canMove) throw skeinError("MoveRefused", noMoves)
      const draining = [...table.draining, node]
      if (draining.length > limits.nodesMax) {
        throw skeinError("LimitExceeded", `at most ${limits.nodesMax} nodes are drained`)
      }
      const next = withDraining(table, draining)
      if (candidates(view, next).length === 0) {
        const detail = `${node} is the last node that may have shards: it is not drained`
        throw skeinError("MoveRefused", detail, { node })
      }
      return next
    })
    if (isChanged) this.manager.tell({ _tag: "NodeDrained", node })
  }

  /** Lets a drained node have shards again. Again is fine. Rejects with NodeUnknown. */
  async revive(node: NodeName): Promise<void> {
    const isChanged = await this.changed(`${node} is revived`, ({ view, table }) => {
      if (table.draining.includes(node)) {
        return withDraining(
          table,
          table.draining.filter((each) => each !== node),
        )
      }
      if (nodeNamed(view, node) === undefined) throw unknown(node, view)
      return undefined
    })
    if (isChanged) this.manager.tell({ _tag: "NodeRevived", node })
  }

  /** Resolves when this node is the manager, as looked at now. */
  managing(): Promise<void> {
    return this.manager.inTurn(async (managing) => {
      asManager(managing)
    })
  }

  /** What the next round would do; nothing is done. */
  plan(): Promise<Plan> {
    return this.manager.inTurn(async (managing) => {
      const { policy, view, table } = asManager(managing)
      return policy.rebalance(view, table)
    })
  }

  /**
   * Begins what the next round would do now, and answers it: how the moves end is told as
   * decisions. Rejects with MoveRefused where moves are not carried out.
   */
  rebalance(): Promise<Plan> {
    return this.manager.inTurn(async (managing) => {
      const { policy, view, table, canMove, begin } = asManager(managing)
      const plan = policy.rebalance(view, table)
      if (plan.moves.length === 0) return plan
      if (!canMove) throw skeinError("MoveRefused", noMoves)
      if (!(await begin(plan, () => {}))) throw overtaken()
      return plan
    })
  }

  /** Why the shard is where it is: sentences, most important first. Rejects with MoveRefused. */
  why(shard: Shard): Promise<string[]> {
    return this.manager.inTurn(async (managing) => {
      const { view, table } = asManager(managing)
      throwUnlessShard(table, shard)
      return whyShard(view, table, shard)
    })
  }

  /**
   * Moves the shard; resolves when the node serves it. Rejects with NodeUnknown, or MoveRefused
   * and the reason: the shard is where it was.
   */
  async move(shard: Shard, node: NodeName): Promise<void> {
    // In an object: a promise as the turn's answer would be waited for in the turn.
    const { ended } = await this.manager.inTurn(async (managing) => {
      const { view, table, policy, canMove, begin } = asManager(managing)
      const { spread } = policy.rebalance(view, table)
      const move = operatorMove(view, table, canMove, shard, node)
      let tell: (end: EndedMove) => void = () => {}
      const ended = new Promise<EndedMove>((resolve) => {
        tell = resolve
      })
      const plan: Plan = { moves: [move], spread }
      if (!(await begin(plan, (end) => tell(end)))) throw overtaken()
      return { ended }
    })
    const { outcome, why } = await ended
    if (outcome === "done") return
    const detail = `${shardName(shard)} was not moved to ${node}: ${why ?? "its owner kept it"}`
    throw skeinError("MoveRefused", detail, { shard, node })
  }

  /** `next` answers the table to write, or that there is nothing to write. */
  private async changed(
    because: string,
    next: (managing: Managing) => ShardTable | undefined,
  ): Promise<boolean> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const outcome = await this.manager.inTurn(async (managing) => {
        const able = asManager(managing)
        const table = next(able)
        if (table === undefined) return "same"
        return (await able.replace(table, because)) ? "changed" : "again"
      })
      if (outcome !== "again") return outcome === "changed"
    }
    throw overtaken()
  }
}

const noMoves = "planned moves are not carried out here"

const asManager = (managing: Managing | NotManaging): Managing => {
  if ("replace" in managing) return managing
  if (managing.tableError !== undefined) throw managing.tableError
  const { manager } = managing
  if (manager === undefined) throw skeinError("ManagerUnavailable", "the fabric has no manager now")
  throw skeinError("ManagerUnavailable", `${manager} is the manager`, { manager })
}

const overtaken = (): SkeinError =>
  skeinError("ManagerUnavailable", "another node wrote the shard table first")

const unknown = (node: NodeName, view: ClusterView): SkeinError => {
  const names = view.nodes.map((each) => each.node).join(", ")
  const shown = node.slice(0, limits.nodeNameBytesMax)
  return skeinError("NodeUnknown", `there is no node ${shown}: the nodes are ${names}`, {
    node: shown,
  })
}

const throwUnlessShard = (table: ShardTable, shard: Shard): void => {
  if (Number.isInteger(shard) && shard >= 0 && shard < table.owners.length) return
  const last = shardName(table.owners.length - 1)
  throw skeinError("MoveRefused", `there is no shard ${shard}: they are s000 to ${last}`)
}

const operatorMove = (
  view: ClusterView,
  table: ShardTable,
  canMove: boolean,
  shard: Shard,
  node: NodeName,
): Move => {
  throwUnlessShard(table, shard)
  const target = nodeNamed(view, node)
  if (target === undefined) throw unknown(node, view)
  const from = table.owners[shard]
  const why = refusal(table, target.state, canMove, shard, node)
  if (why !== undefined) throw skeinError("MoveRefused", why, { shard, node })
  return {
    shard,
    from,
    to: node,
    reason: `${shardName(shard)}: an operator moved it from ${from ?? "no node"} to ${node}`,
    kind: "operator",
  }
}

const refusal = (
  table: ShardTable,
  state: string,
  canMove: boolean,
  shard: Shard,
  node: NodeName,
): string | undefined => {
  const name = shardName(shard)
  if (table.draining.includes(node)) return `${node} is drained: revive it first`
  if (state !== "serving") return `${node} is ${state}`
  const owner = table.owners[shard]
  if (owner === node) return `${name} is on ${node} already`
  if (owner === undefined) return `no node has ${name} yet`
  const moving = movingOf(table).find((each) => each.shard === shard)
  if (moving !== undefined) return `${name} is moving to ${moving.to}`
  return canMove ? undefined : noMoves
}
