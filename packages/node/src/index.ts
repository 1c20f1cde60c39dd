export type { CatalogDoor } from "./CatalogDoor.js"
export { inProcess } from "./inProcess.js"
export type { ClusterOptions } from "./keptShards.js"
export {
  DoorFailed,
  JournalFailed,
  makeNode,
  type NodeOptions,
  type OutsideStatus,
  type RunningNode,
} from "./Node.js"
export { type Connected, NodeCore, type NodeCoreOptions, type OutsideOfCore } from "./NodeCore.js"
export { type ConnectPeersOptions, connectPeers } from "./peers/connectPeers.js"
export { peerSecret, peerSecretFile } from "./peers/peerSecret.js"
export * from "./port/index.js"
export type { RemoteShards } from "./RemoteShards.js"
export { ShardEnded } from "./shardChild.js"
