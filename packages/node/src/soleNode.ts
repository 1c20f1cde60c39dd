/** Owns: the status of a fabric that is one node: that node has every shard, and decides alone. */
import type { ClusterStatus, NodeStatus } from "@skein/wire"

export const soleNode = (status: NodeStatus): ClusterStatus => {
  const { fabricId, node, instance, address, pid, shards, shardsOpen } = status
  const closed = shards - shardsOpen
  return {
    fabricId,
    node,
    nodes: [
      {
        ...{ node, instance, address, pid, state: "serving" },
        shards: Array.from({ length: shards }, (_, shard) => shard),
      },
    ],
    manager: node,
    tableVersion: 0,
    shards,
    unplaced: [],
    decisions: [],
    problems: closed === 0 ? [] : [`${closed} of ${shards} shards are not open on ${node}`],
  }
}
