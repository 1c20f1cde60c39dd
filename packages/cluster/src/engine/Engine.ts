/**
 * Owns: the engine (@effect/cluster) as one node needs it: the shard table shown to it, no message
 * storage, local calls without serialization. With one node there is nobody to call, so the runners
 * are the engine's own noop; calls between nodes come with the cluster.
 * Must not know: what its entities do.
 *
 * Shutdown: closing the scope of the layer ends the entities first, then the engine's loops.
 */
import { Layer, Option } from "effect"
import {
  MessageStorage,
  RunnerAddress,
  RunnerHealth,
  Runners,
  Sharding,
  ShardingConfig,
} from "../Platform.js"
import type { NodeAddress, ShardTable } from "./ShardTable.js"
import { type LocalShards, layerTableRunnerStorage } from "./TableRunnerStorage.js"

export interface EngineOptions {
  readonly address: NodeAddress
  readonly table: ShardTable
  readonly local: LocalShards
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

export const layerEngine = (options: EngineOptions): Layer.Layer<Sharding.Sharding> =>
  Sharding.layer.pipe(
    Layer.provide(Runners.layerNoop),
    Layer.provide(RunnerHealth.layerNoop),
    Layer.provide(noMessageStorage),
    Layer.provide(layerTableRunnerStorage(options.table, options.local)),
    Layer.provide(config(options.address)),
  )
