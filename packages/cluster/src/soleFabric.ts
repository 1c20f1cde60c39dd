/**
 * Owns: the map of a fabric of one node, which has all shards for ever.
 */
import type { SeenNode } from "@skein/journal"
import type { FabricMap } from "./FabricMap.js"

export const soleFabric = (node: SeenNode, shards: number): FabricMap => {
  const owners = Array.from({ length: shards }, () => node.node)
  const table = { version: 1, owners, draining: [] }
  const nodes = [node]
  return {
    self: node.node,
    version: () => 1,
    table: () => table,
    nodes: () => nodes,
    ownerOf: (shard) => (shard < shards ? node : undefined),
    onChange: () => () => {},
  }
}
