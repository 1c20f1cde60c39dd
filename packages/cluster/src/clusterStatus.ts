/**
 * Owns: a node's view of its fabric as an operator reads it: nodes with their shards, and what is
 * wrong, in sentences.
 * Must not know: how the view was learned, who may commit (owner tokens say that).
 */
import type { SeenNode } from "@skein/journal"
import { limits, type NodeName, type Shard, shardName } from "@skein/model"
import { shardsOf } from "@skein/placement"
import type { ClusterDecision, ClusterNode, ClusterStatus } from "@skein/wire"
import type { FabricMap } from "./FabricMap.js"

export interface ClusterFacts {
  readonly fabricId: string
  readonly map: Pick<FabricMap, "nodes" | "self" | "table">
  /** The node that has the manager's token; `undefined`: nobody is known to. */
  readonly manager: NodeName | undefined
  /** The newest last. */
  readonly decisions: readonly ClusterDecision[]
}

/** Of several instances with one name the one that is not silent counts, else the youngest. */
export const clusterStatus = (facts: ClusterFacts): ClusterStatus => {
  const { map, manager, decisions, fabricId } = facts
  const table = map.table()
  const seen = new Map<NodeName, SeenNode>()
  for (const node of map.nodes()) {
    const known = seen.get(node.node)
    if (known === undefined || counts(node, known)) seen.set(node.node, node)
  }
  const named = table.owners.filter((owner) => owner !== undefined)
  const names = [...new Set([...seen.keys(), ...named])].sort()
  const nodes = names.slice(0, limits.nodesMax).map(
    (name): ClusterNode => ({
      ...noteOf(name, seen.get(name), table.draining.includes(name)),
      shards: shardsOf(table, name),
    }),
  )
  const unplaced: Shard[] = []
  for (let shard = 0; shard < table.owners.length; shard++) {
    if (table.owners[shard] === undefined) unplaced.push(shard)
  }
  return {
    ...{ fabricId, node: map.self, nodes, unplaced, decisions },
    ...(manager !== undefined && { manager }),
    tableVersion: table.version,
    shards: table.owners.length,
    problems: [...problemsOf(nodes, unplaced, manager), ...givenUpBy([...seen.values()])],
  }
}

const counts = (node: SeenNode, known: SeenNode): boolean =>
  node.silent === known.silent ? node.sinceMs > known.sinceMs : known.silent

const noteOf = (
  node: NodeName,
  seen: SeenNode | undefined,
  isDraining: boolean,
): Omit<ClusterNode, "shards"> => {
  if (seen === undefined) return { node, instance: "", address: "", pid: 0, state: "silent" }
  const { instance, address, pid } = seen
  return { node, instance, address, pid, state: stateOf(seen, isDraining) }
}

const stateOf = (seen: SeenNode, isDraining: boolean): ClusterNode["state"] => {
  if (seen.silent) return "silent"
  if (seen.state === "leaving") return "leaving"
  if (isDraining) return "draining"
  return seen.state === "starting" ? "joining" : "serving"
}

const problemsOf = (
  nodes: readonly ClusterNode[],
  unplaced: readonly Shard[],
  manager: NodeName | undefined,
): string[] => {
  const problems: string[] = []
  for (const { node, state, shards } of nodes) {
    if (state !== "silent") continue
    const missing = shards.length === 0 ? "" : ` and should have ${shownShards(shards)}`
    problems.push(`${node} is silent${missing}`)
  }
  if (unplaced.length > 0) problems.push(`no node should have ${shownShards(unplaced)}`)
  const managing = nodes.find(({ node }) => node === manager)
  if (manager === undefined) problems.push("no node is known to place shards")
  else if (managing === undefined || managing.state === "silent") {
    problems.push(`${manager}, which places shards, is silent`)
  }
  return problems
}

const givenUpBy = (seen: readonly SeenNode[]): string[] =>
  seen.flatMap(({ node, silent, givenUp = [] }) =>
    silent || givenUp.length === 0
      ? []
      : [`${node} gave up ${shownShards(givenUp)}: it failed there too often`],
  )

const namedMax = 4

/** `s003, s007`, or how many where they are many. */
const shownShards = (shards: readonly Shard[]): string =>
  shards.length > namedMax ? `${shards.length} shards` : shards.map(shardName).join(", ")
