/**
 * Owns: the calls about the fabric as a whole, from this node: the manager wherever it is, and who
 * is connected to which node.
 * Must not know: how nodes reach each other.
 */
import type { Clock, NodeName } from "@skein/model"
import type { ClientList, FabricCalls, ManagerPort, ShardLoads } from "@skein/wire"
import type { NodeCalls } from "../engine/NodeDoors.js"
import { askManager } from "./askManager.js"

export interface FabricCallsOptions {
  readonly self: NodeName
  /** Of this node. */
  readonly manager: ManagerPort
  readonly nodes: NodeCalls
  readonly clock: Clock
}

export const fabricCalls = ({ self, manager, nodes, clock }: FabricCallsOptions): FabricCalls => ({
  ...askManager({ self, local: manager, at: (node) => nodes.at(node).manager, clock }),
  shardLoads: async () => {
    const all = await Promise.all(nodes.living().map((name) => loadsOf(name, nodes)))
    return {
      loads: all.flatMap(({ loads }) => loads),
      silent: all.flatMap(({ silent }) => silent),
    }
  },
  restartNode: (node, instance) => nodes.at(node).restart(instance),
  clients: async (node) => {
    if (node !== undefined) return nodes.at(node).clients()
    return joined(await Promise.all(nodes.living().map((name) => clientsOf(name, nodes))))
  },
})

const clientsOf = async (node: NodeName, nodes: NodeCalls): Promise<ClientList> => {
  try {
    return await nodes.at(node).clients()
  } catch {
    return { clients: [], more: 0, silent: [node] }
  }
}

const loadsOf = async (node: NodeName, nodes: NodeCalls): Promise<ShardLoads> => {
  try {
    const loads = await nodes.at(node).loads()
    return { loads: loads.map((load) => ({ node, ...load })), silent: [] }
  } catch {
    return { loads: [], silent: [node] }
  }
}

const joined = (lists: readonly ClientList[]): ClientList => ({
  clients: lists.flatMap(({ clients }) => clients),
  more: lists.reduce((sum, { more }) => sum + more, 0),
  silent: lists.flatMap(({ silent }) => silent),
})
