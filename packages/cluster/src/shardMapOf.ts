/**
 * Owns: the shard map that clients are told, made of what a node knows of its fabric.
 * Must not know: how it is told.
 *
 * Its version is the table's, so that what two nodes tell can be compared. A node that has no
 * address yet, or is silent, cannot be connected to: its shards are nobody's for the moment.
 */
import { limits, type NodeName } from "@skein/model"
import type { ShardMap, ShardMapNode } from "@skein/wire"
import type { FabricMap } from "./FabricMap.js"

export const shardMapOf = (
  map: Pick<FabricMap, "nodes" | "ownerOf" | "table">,
): ShardMap | undefined => {
  const { owners, version } = map.table()
  if (version === 0) return undefined
  const places = new Map<NodeName, number>()
  const nodes: ShardMapNode[] = []
  for (const { node, instance, address, silent } of map.nodes()) {
    if (silent || address === "" || places.has(node) || nodes.length >= limits.nodesMax) continue
    places.set(node, nodes.length)
    nodes.push({ node, instance, address })
  }
  const placeOf = (_: unknown, shard: number): number => {
    const owner = map.ownerOf(shard)
    const place = owner === undefined ? undefined : places.get(owner.node)
    return place === undefined || nodes[place].instance !== owner?.instance ? -1 : place
  }
  return { version, nodes, owners: owners.map(placeOf) }
}
