/**
 * Owns: what a node answers that is alone in its fabric, or as long as nobody told it otherwise,
 * when it is asked about placement: it has every shard, and there is nowhere to move one to.
 */
import { limits, type NodeName, type Shard, shardName, skeinError } from "@skein/model"
import type { ManagerPort, NodeStatus } from "@skein/wire"

export const soleManager = (status: () => NodeStatus): ManagerPort => {
  const nothing = async () => ({
    moves: [],
    spread: { before: 1, after: 1 },
    held: `${status().node} is the only node`,
  })
  const checkNode = (asked: NodeName): NodeName => {
    const { node } = status()
    if (asked === node) return node
    const shown = asked.slice(0, limits.nodeNameBytesMax)
    throw skeinError("NodeUnknown", `there is no node ${shown}: ${node} is the only one`, {
      node: shown,
    })
  }
  const checkShard = (shard: Shard): void => {
    const { shards } = status()
    if (Number.isInteger(shard) && shard >= 0 && shard < shards) return
    const last = shardName(shards - 1)
    throw skeinError("MoveRefused", `there is no shard ${shard}: they are s000 to ${last}`)
  }
  return {
    drainNode: async (asked) => {
      const node = checkNode(asked)
      const detail = `${node} is the last node that may have shards: it is not drained`
      throw skeinError("MoveRefused", detail, { node })
    },
    reviveNode: async (asked) => {
      checkNode(asked)
    },
    planMoves: nothing,
    rebalance: nothing,
    whyShard: async (shard) => {
      checkShard(shard)
      return [`${shardName(shard)} is on ${status().node}: it is the only node`]
    },
    moveShard: async (shard, asked) => {
      checkShard(shard)
      const node = checkNode(asked)
      throw skeinError("MoveRefused", `${shardName(shard)} is on ${node} already`, { shard, node })
    },
    decisions: async () => ({ log: status().instance, decisions: [], last: 0 }),
  }
}
