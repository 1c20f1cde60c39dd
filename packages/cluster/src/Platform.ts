/**
 * Owns: the one place where this package takes from @effect/cluster: Effect 4 moves it.
 */
export {
  ClusterSchema,
  Entity,
  type EntityAddress,
  MachineId,
  MessageStorage,
  Runner,
  RunnerAddress,
  RunnerHealth,
  RunnerStorage,
  Runners,
  ShardId,
  Sharding,
  ShardingConfig,
} from "@effect/cluster"
