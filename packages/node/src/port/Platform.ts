/** Owns: the one door by which @effect/rpc enters the port. */
export { RpcServer } from "@effect/rpc"
