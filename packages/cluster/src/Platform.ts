/**
 * Owns: the one place where this package takes from @effect/cluster and @effect/rpc: Effect 4 moves
 * them.
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
  RunnerServer,
  RunnerStorage,
  Runners,
  ShardId,
  Sharding,
  ShardingConfig,
  Snowflake,
} from "@effect/cluster"
export {
  Rpc,
  RpcClient,
  RpcClientError,
  RpcGroup,
  type RpcMessage,
  RpcServer,
} from "@effect/rpc"
