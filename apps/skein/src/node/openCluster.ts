/**
 * Owns: joining a node's parts with the cluster's: shared directory, map, manager, calls between
 * nodes, and what its port tells clients. Loaded by a node of a cluster only.
 * Must not know: what the manager decides, how shards are opened.
 *
 * Order: the directory is opened (map and manager are made), the engine starts and is given the way
 * to other nodes, the port listens, and only then the others are told where this node is.
 */
import {
  clusterStatus,
  DecisionLog,
  FabricLoads,
  fabricCalls,
  layerAdminDoors,
  layerCatalogDoors,
  layerEngine,
  layerNodeDoors,
  Manager,
  ManagerCalls,
  type MovePeer,
  makeDoorAdmin,
  makeMoveShard,
  makeNodeCalls,
  makeRemoteCatalog,
  managerPort,
  movePeerOver,
  type NodeCalls,
  type NodePort,
  PeerDoor,
  receiveMove,
  shardMapOf,
} from "@skein/cluster"
import {
  type ClusterPorts,
  type NodeCluster,
  type NodeIdentity,
  type NodeManager,
  openNode,
} from "@skein/embedded/openNode"
import { systemClock } from "@skein/journal"
import type { FileJournal } from "@skein/journal-file"
import { asSkeinError, invariant, type NodeName, type Shard, skeinError } from "@skein/model"
import { connectPeers, type NodeCore, peerSecret } from "@skein/node"
import type { Admin } from "@skein/wire"
import { Effect, Layer } from "effect"
import type { ClusterSeam, ClusterSettings } from "./ClusterSeam.js"

/** What is known once the directory is open. */
interface Joined {
  readonly cluster: NodeCluster
  readonly journal: FileJournal
  /** Named after this process: numbers of another one's are not ours. */
  readonly log: DecisionLog
  manager: Manager | undefined
}

/** In the status; `decisions` pages through all. */
const decisionsShown = 100

export const openCluster = async (settings: ClusterSettings): Promise<ClusterSeam> =>
  new OpenedCluster(settings)

class OpenedCluster implements ClusterSeam {
  private nodes: NodeCalls | undefined
  private loads: FabricLoads | undefined
  private readonly door = new PeerDoor()
  private joined: Joined | undefined
  private journal: FileJournal | undefined
  private secret = ""
  private fabricId = ""

  constructor(private readonly settings: ClusterSettings) {}

  readonly openNode: ClusterSeam["openNode"] = (options) =>
    openNode({
      ...options,
      storage: { dir: this.settings.dir, shared: true, ports: (journal) => this.keep(journal) },
      manager: (cluster) => this.manage(cluster),
      peerOf: this.peerOf,
      ...(this.settings.failpoints && { failpoints: this.settings.failpoints }),
    })

  readonly admin: ClusterSeam["admin"] = (core, identity) =>
    Effect.flatMap(
      Effect.tryPromise({ try: () => peerSecret(this.settings.dir), catch: asSkeinError }),
      (secret) => {
        this.secret = secret
        this.fabricId = identity.fabricId
        return this.engine(core, identity)
      },
    )

  readonly port: ClusterSeam["port"] = () => {
    const { fabricMap } = this.known().cluster
    const { bootstrap } = this.settings
    return {
      shardMap: {
        current: () => shardMapOf(fabricMap),
        onChange: (listener) => fabricMap.onChange(listener),
      },
      peerSecret: this.secret,
      engine: this.door,
      ...(bootstrap !== undefined && { bootstrap }),
    }
  }

  readonly reachable: ClusterSeam["reachable"] = (address) =>
    this.known().cluster.membership.tell({ address, state: "serving" })

  readonly status: ClusterSeam["status"] = () => {
    const { cluster, log, manager } = this.known()
    return clusterStatus({
      fabricId: this.fabricId,
      map: cluster.fabricMap,
      manager: manager?.manager,
      decisions: log.newest(decisionsShown),
    })
  }

  private engine(core: NodeCore, { fabricId }: NodeIdentity) {
    const { cluster } = this.known()
    const { node } = this.settings
    // Its own entry in the engine's table is a name only: nobody connects to itself, and where the
    // port will listen is not known yet.
    const address = { host: node, port: 1 }
    const local = { isOpen: (shard: number) => core.isShardOpen(shard) }
    const engine = layerEngine({
      address,
      map: cluster.fabricMap,
      local,
      peers: connectPeers({ secret: this.secret, fabricId, name: node }),
      door: this.door,
    })
    const { catalog, erase } = core.forOthers
    const port = this.nodePort(core)
    const doors = Layer.mergeAll(
      layerAdminDoors(core.admin),
      layerCatalogDoors(catalog, erase),
      layerNodeDoors(port),
    )
    const map = cluster.fabricMap
    const reached = (nodes: NodeCalls) => {
      this.nodes = nodes
      this.loads = new FabricLoads(systemClock, nodes)
      return fabricCalls({ self: map.self, manager: port.manager, nodes, clock: systemClock })
    }
    return Effect.gen(function* () {
      const context = yield* Layer.build(doors.pipe(Layer.provideMerge(engine)))
      const nodes = yield* Effect.provide(makeNodeCalls({ map, local: port }), context)
      const fabric = reached(nodes)
      const remote = yield* Effect.provide(makeRemoteCatalog(), context)
      core.reachOthers({ catalog: remote, erase: remote.erase })
      const made = makeDoorAdmin(core.admin, local, undefined, fabric)
      const admin: Admin = yield* Effect.provide(made, context)
      return admin
    })
  }

  private nodePort(core: NodeCore): NodePort {
    const { log } = this.known()
    const calls = () => {
      const { manager } = this.known()
      return manager === undefined ? undefined : new ManagerCalls(manager)
    }
    return {
      loads: async () => core.loads(),
      clients: () => core.admin.clients(),
      restart: async (instance) => this.restart(instance),
      moveMessage: async (_from, message) => {
        if (core.moves === undefined) throw skeinError("MoveRefused", "shards do not move here")
        return receiveMove(core.moves, message)
      },
      manager: managerPort(calls, log),
    }
  }

  private restart(instance: string): void {
    const { node, restart } = this.settings
    // Asked twice over a connection that broke: the second time it comes to the next process.
    if (instance !== this.journal?.instance) return
    if (restart === undefined) {
      const detail = `nobody watches over ${node}: it would not be started again`
      throw skeinError("RestartRefused", detail, { node })
    }
    restart()
  }

  private readonly peerOf = (node: NodeName): MovePeer =>
    movePeerOver(async (message) => {
      if (this.nodes === undefined) {
        throw skeinError("ShardUnavailable", "this node has not joined the others yet")
      }
      return this.nodes.moveMessage(node, message)
    })

  private keep(journal: FileJournal): ClusterPorts {
    this.journal = journal
    const { membership, tables, managerToken } = journal
    return { membership, tables, managerToken }
  }

  private manage(cluster: NodeCluster): NodeManager {
    const { journal } = this
    invariant(journal !== undefined, "the directory is open before the node joins")
    const log = new DecisionLog(this.settings.node, journal.instance, systemClock)
    const joined: Joined = { cluster, journal, log, manager: undefined }
    this.joined = joined
    const { membership, tables, managerToken, clock, shards, fabricMap } = cluster
    const holderOf = async (shard: Shard) => (await journal.ownership.holder(shard))?.instance
    return {
      start: () => {
        joined.manager = new Manager({
          self: fabricMap.self,
          shards,
          clock,
          membership,
          table: tables,
          token: managerToken,
          move: makeMoveShard({ clock, nodes: fabricMap.nodes, peerOf: this.peerOf, holderOf }),
          holderOf,
          loads: () => this.loads?.loads() ?? new Map(),
          onDecision: (event) => {
            log.add(event)
            if (event._tag === "ManagerClaimed") journal.tidiesDead = true
            if (event._tag === "ManagerLost") journal.tidiesDead = false
          },
        })
      },
      stop: async () => {
        await joined.manager?.stop()
      },
    }
  }

  private known(): Joined {
    const { joined } = this
    invariant(joined !== undefined, "the node has joined its fabric")
    return joined
  }
}
