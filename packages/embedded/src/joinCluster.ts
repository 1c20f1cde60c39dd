/**
 * Owns: what makes a node on a shared directory one of many: the map of its fabric, kept up to
 * date, and the manager's place beside it.
 * Must not know: what the manager decides, how shards are opened.
 *
 * Shutdown order: the others are told that this node leaves, so that it is given nothing more and
 * its shards are moved to them, within a limit; the node closes what it has left; then the manager
 * stops and the map ends, right before the sign of life goes: a manager that had stopped while its
 * process still lives would not be replaced.
 */
import {
  type EndOfMove,
  handedOn,
  type LiveFabricMap,
  type MovePeer,
  type MoveRef,
  makeFabricMap,
} from "@skein/cluster"
import { type ManagerToken, type Membership, systemClock, type TableStore } from "@skein/journal"
import type { FileJournal } from "@skein/journal-file"
import {
  type Clock,
  limits,
  type NodeName,
  type Shard,
  type SkeinError,
  shardName,
} from "@skein/model"
import type { ClusterOptions } from "@skein/node"

/** What nodes of one fabric share besides their journals. */
export interface ClusterPorts {
  readonly membership: Membership
  readonly tables: TableStore
  readonly managerToken: ManagerToken
}

/** What a manager on this node works with. */
export interface NodeCluster extends ClusterPorts {
  readonly fabricMap: LiveFabricMap
  readonly clock: Clock
  readonly shards: number
}

/** The manager's shell, of which one is active in a fabric. */
export interface NodeManager {
  readonly start: () => void
  readonly stop: () => Promise<void> | void
}

export interface JoinOptions {
  readonly ports: ClusterPorts
  readonly manager?: (cluster: NodeCluster) => NodeManager
  /** Another node, for planned moves. Default: there are none. */
  readonly peerOf?: (node: NodeName) => MovePeer
  readonly onNotice: (where: string, text: string) => void
  readonly onFault: (where: string, error: SkeinError) => void
}

export interface JoinedCluster extends NodeCluster {
  readonly options: ClusterOptions
  /** The node is up. */
  readonly start: () => void
  /** Before the node closes: it says that it leaves, and its shards are moved to the others. */
  readonly leave: () => Promise<void>
  readonly close: () => Promise<void>
}

export const joinCluster = async (
  journal: FileJournal,
  { ports, manager, peerOf, onFault, onNotice }: JoinOptions,
): Promise<JoinedCluster> => {
  const { membership, tables } = ports
  const { shards, ownership } = journal
  const clock = systemClock
  const fabricMap = await makeFabricMap({
    membership,
    tables,
    shards,
    clock,
    onFault: (error) => onFault("table", error),
  })
  const cluster: NodeCluster = { ...ports, fabricMap, clock, shards }
  const managing = manager?.(cluster)
  return {
    ...cluster,
    options: {
      fabricMap,
      reread: fabricMap.reread,
      holderOf: async (shard) => (await ownership.holder(shard))?.instance,
      ...(peerOf !== undefined && {
        moves: {
          instance: journal.instance,
          peerOf,
          tokenOf: (shard: Shard) => ownership.holder(shard),
          onEnd: ({ shard, to }: MoveRef, { outcome, why }: EndOfMove) => {
            if (outcome === "refused") onNotice(shardName(shard), `not moved to ${to}: ${why}`)
          },
        },
      }),
      onGivenUp: (given) => {
        if (given.length > 0) onNotice("shards", `given up: ${given.map(shardName).join(", ")}`)
        // Should it not be told now, the next change or the keeper's next attempt tells it.
        membership.tell({ givenUp: given.slice(0, limits.givenUpToldMax) }).catch(() => {})
      },
    },
    start: () => managing?.start(),
    leave: async () => {
      await membership.tell({ state: "leaving" })
      if (peerOf === undefined) return
      const how = await handedOn(fabricMap, clock, limits.leaveWithinMs)
      if (how === "late") onNotice("shards", "others take over those that were not moved in time")
    },
    close: async () => {
      await managing?.stop()
      fabricMap.close()
    },
  }
}
