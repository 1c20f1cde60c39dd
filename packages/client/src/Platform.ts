/** Owns: the one door by which @effect/rpc enters this package, because Effect 4 moves it. */
export { RpcClient } from "@effect/rpc"
