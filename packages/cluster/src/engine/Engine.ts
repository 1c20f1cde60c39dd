/**
 * Owns: the engine (@effect/cluster) as a node needs it: the shard table shown to it, no message
 * storage, local calls without serialization. A node that is alone has nobody to call, so its
 * runners are the engine's own noop; those of a fabric call each other over connections of peers.
 * Must not know: what its entities do.
 *
 * Shutdown: closing the scope of the layer ends the entities first, then the engine's loops, then
 * the links to other nodes.
 */
import { systemClock } from "@skein/journal"
import { Layer, Option } from "effect"
import type { FabricMap } from "../FabricMap.js"
import {
  MessageStorage,
  RunnerAddress,
  RunnerHealth,
  RunnerServer,
  Runners,
  Sharding,
  ShardingConfig,
} from "../Platform.js"
import type { PeerDoor } from "./PeerDoor.js"
import { layerPeerRunners } from "./PeerRunners.js"
import type { Peers } from "./Peers.js"
import { fabricTable, type NodeAddress, type ShardTable } from "./ShardTable.js"
import { type LocalShards, layerTableRunnerStorage } from "./TableRunnerStorage.js"

interface EngineBase {
  /** Of this node; in a fabric, as other nodes connect to it. */
  readonly address: NodeAddress
  readonly local: LocalShards
}

/** A node that is alone. */
export interface LoneEngineOptions extends EngineBase {
  readonly table: ShardTable
}

/** A node of a fabric. */
export interface EngineOptions extends EngineBase {
  readonly map: FabricMap
  /** How other nodes are reached. */
  readonly peers: Peers
  /** Where their messages come in: the port is given the same one. */
  readonly door: PeerDoor
}

/**
 * The engine's intervals: low where our table answers without polling, long where it only idles.
 */
const config = (address: NodeAddress) =>
  ShardingConfig.layer({
    runnerAddress: Option.some(RunnerAddress.make(address.host, address.port)),
    runnerShardWeight: 1,
    shardsPerGroup: 1,
    refreshAssignmentsInterval: "50 millis",
    shardLockRefreshInterval: "1 second",
    shardLockExpiration: "5 seconds",
    entityMessagePollInterval: "1 second",
    entityTerminationTimeout: "1 second",
    sendRetryInterval: "20 millis",
    simulateRemoteSerialization: false,
  })

// A copy: the engine keeps one id per request for ever when the storage is the noop itself.
const noMessageStorage = Layer.sync(MessageStorage.MessageStorage, () => ({
  ...MessageStorage.noop,
}))

export const layerEngine = (
  options: EngineOptions | LoneEngineOptions,
): Layer.Layer<Sharding.Sharding> => {
  const { address, local } = options
  const lone = "table" in options
  const table = lone ? options.table : fabricTable(address, options.map)
  const sharding = lone
    ? Sharding.layer.pipe(Layer.provide(Runners.layerNoop))
    : RunnerServer.layer.pipe(
        Layer.provideMerge(Sharding.layer),
        Layer.provide(layerPeerRunners(table, options.peers, systemClock)),
        Layer.provide(options.door.layer),
      )
  return sharding.pipe(
    Layer.provide(RunnerHealth.layerNoop),
    Layer.provide(noMessageStorage),
    Layer.provide(layerTableRunnerStorage(table, local)),
    Layer.provide(config(address)),
  )
}
