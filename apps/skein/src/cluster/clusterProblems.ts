/** Owns: what is wrong with a fabric, in sentences: for `check`, and before a node is restarted. */
import { type Shard, shardName } from "@skein/model"
import type { ClusterStatus, ShardLoads } from "@skein/wire"

/** What the answering node sees wrong, nodes without an answer, shards that are open nowhere. */
export const clusterProblems = (
  status: ClusterStatus,
  { loads, silent }: ShardLoads,
): readonly string[] => {
  const open = new Set(loads.map(({ shard }) => shard))
  const unplaced = new Set(status.unplaced)
  const closed: Shard[] = []
  for (let shard = 0; shard < status.shards; shard++) {
    if (!open.has(shard) && !unplaced.has(shard)) closed.push(shard)
  }
  const named = closed.slice(0, namedMax).map(shardName).join(", ")
  const others = closed.length > namedMax ? ` and ${closed.length - namedMax} more` : ""
  return [
    ...status.problems,
    ...silent.map((node) => `${node} gave no answer`),
    ...(closed.length === 0 ? [] : [`no node has opened ${named}${others}`]),
  ]
}

const namedMax = 8
