export type { CutHead, CutPage, ShardCut } from "./backup/ShardCut.js"
export { type ClusterFacts, clusterStatus } from "./clusterStatus.js"
export { type Deferred, deferred } from "./Deferred.js"
export { layerAdminDoors, makeDoorAdmin } from "./engine/AdminDoors.js"
export {
  type CatalogCalls,
  type EraseQueue,
  layerCatalogDoors,
  makeRemoteCatalog,
  type RemoteCatalog,
} from "./engine/CatalogDoors.js"
export { type EngineOptions, type LoneEngineOptions, layerEngine } from "./engine/Engine.js"
export {
  layerNodeDoors,
  type MoveMessage,
  makeNodeCalls,
  type NodeCalls,
  type NodeCallsOptions,
  type NodePort,
} from "./engine/NodeDoors.js"
export { PeerDoor } from "./engine/PeerDoor.js"
export type { EngineDoor, PeerConnection, PeerLine, Peers } from "./engine/Peers.js"
export { fixedTable, type NodeAddress, type ShardTable } from "./engine/ShardTable.js"
export type { FabricMap } from "./FabricMap.js"
export { GroupCommit } from "./GroupCommit.js"
export type { ActorFactory, HostContext } from "./HostContext.js"
export { type HandedOn, handedOn } from "./keeper/handedOn.js"
export { type AfterEnd, ShardKeeper, type ShardKeeperOptions } from "./keeper/ShardKeeper.js"
export { FabricLoads } from "./load/FabricLoads.js"
export { LoadSampler } from "./load/LoadSampler.js"
export { ShardMeter } from "./load/ShardMeter.js"
export { type FabricMapOptions, type LiveFabricMap, makeFabricMap } from "./makeFabricMap.js"
export { type AskManagerOptions, askManager } from "./manager/askManager.js"
export { DecisionLog } from "./manager/DecisionLog.js"
export { type FabricCallsOptions, fabricCalls } from "./manager/fabricCalls.js"
export {
  Manager,
  type ManagerOptions,
  type Managing,
  type NotManaging,
} from "./manager/Manager.js"
export { ManagerCalls } from "./manager/ManagerCalls.js"
export type { ManagerEvent } from "./manager/ManagerEvent.js"
export type { MoveShard } from "./manager/MoveRunner.js"
export { managerPort } from "./manager/managerPort.js"
export type { MoveOutcome, MovePeer, MoveRef } from "./moves/MovePeer.js"
export { Moves, type MovesOptions } from "./moves/Moves.js"
export { movePeerOver, receiveMove } from "./moves/moveMessages.js"
export { type MoveShardOptions, makeMoveShard } from "./moves/moveShard.js"
export type { EndOfMove } from "./moves/SourceMove.js"
export type { WarmHost } from "./moves/TargetMove.js"
export { decodeSections, encodeSections, type Section } from "./RecordSections.js"
export type {
  ActorChunk,
  ActorDelta,
  ActorFrame,
  ShardActor,
  Turn,
  Waiter,
  WholeActor,
} from "./ShardActor.js"
export { ShardHost } from "./ShardHost.js"
export { shardMapOf } from "./shardMapOf.js"
export { soleFabric } from "./soleFabric.js"
