/**
 * Owns: the port to the table shard -> node as the engine sees it: the fixed table of one node, and
 * the table of a fabric.
 * Must not know: the engine. Who may commit is decided by owner tokens, not here.
 */
import type { SeenNode } from "@skein/journal"
import { limits, type NodeName, type Shard } from "@skein/model"
import type { FabricMap } from "../FabricMap.js"

export interface NodeAddress {
  readonly host: string
  readonly port: number
}

export interface NamedAddress extends NodeAddress {
  readonly name: NodeName
}

export interface ShardTable {
  /** Of this node in its fabric. */
  readonly self: NodeName
  readonly shards: () => number
  /** Those that are there, each name once; this node is always among them. */
  readonly nodes: () => readonly NamedAddress[]
  /** `undefined`: nobody who is there should have it; calls to it wait. */
  readonly owner: (shard: Shard) => NodeAddress | undefined
  readonly version: () => number
  /** `listener` is called after each change; the answer ends that. */
  readonly onChange: (listener: () => void) => () => void
}

/** One node that has all shards. */
export const fixedTable = (node: NodeAddress, shards: number): ShardTable => ({
  self: "n1",
  shards: () => shards,
  nodes: () => [{ ...node, name: "n1" }],
  owner: () => node,
  version: () => 1,
  onChange: () => () => {},
})

/** What `map` says now. `address` is this node's, told or not: the engine must find itself. */
export const fabricTable = (address: NodeAddress, map: FabricMap): ShardTable => {
  const addressOf = (node: SeenNode): NodeAddress | undefined =>
    node.node === map.self ? address : readAddress(node.address)
  return {
    self: map.self,
    shards: () => map.table().owners.length,
    nodes: () => {
      const found: NamedAddress[] = [{ ...address, name: map.self }]
      for (const node of map.nodes()) {
        // Death is absence: an entry of the engine is never marked, only added and removed.
        if (node.silent || node.node === map.self || found.length >= limits.nodesMax) continue
        const at = addressOf(node)
        const isKnown = (other: NamedAddress): boolean =>
          other.name === node.node || (at !== undefined && isSame(other, at))
        if (at !== undefined && !found.some(isKnown)) found.push({ ...at, name: node.node })
      }
      return found
    },
    owner: (shard) => {
      const node = map.ownerOf(shard)
      return node === undefined ? undefined : addressOf(node)
    },
    version: () => map.version(),
    onChange: (listener) => map.onChange(listener),
  }
}

export const isSame = (a: NodeAddress, b: NodeAddress): boolean =>
  a.host === b.host && a.port === b.port

/** `host:port` or `[::1]:port`. */
export const showAddress = ({ host, port }: NodeAddress): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

/** The reverse; `undefined`: it is none, as of a node that does not listen yet. */
const readAddress = (text: string): NodeAddress | undefined => {
  const at = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  return at === null ? undefined : { host: at[1] ?? at[2], port: Number(at[3]) }
}
