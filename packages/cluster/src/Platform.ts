/**
 * Owns: the one place where this package takes from @effect/cluster, @effect/platform and
 * @effect/rpc: Effect 4 moves them.
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
export { Rpc } from "@effect/rpc"
