export { asSkeinError } from "./asSkeinError.js"
export { inProcess } from "./inProcess.js"
export {
  DoorFailed,
  JournalFailed,
  makeNode,
  type NodeOptions,
  type OutsideStatus,
  type RunningNode,
  ShardEnded,
} from "./Node.js"
export { NodeCore, type NodeCoreOptions, type OutsideOfCore } from "./NodeCore.js"
export { type ConnectPeersOptions, connectPeers } from "./peers/connectPeers.js"
export { peerSecret, peerSecretFile } from "./peers/peerSecret.js"
export * from "./port/index.js"
