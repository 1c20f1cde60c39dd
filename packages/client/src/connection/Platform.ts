/** Owns: the one door by which @effect/rpc enters the connection. */
export { RpcClient } from "@effect/rpc"
