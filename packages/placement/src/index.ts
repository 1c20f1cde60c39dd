export {
  type ClusterView,
  type History,
  type NodeView,
  nodeNamed,
  noHistory,
  type ShardLoad,
} from "./ClusterView.js"
export { candidates, isLiving } from "./candidates.js"
export * from "./HandoverSource.js"
export * from "./HandoverTarget.js"
export { averaged, loadOf, loadOfOpenShard, showLoad, workOf } from "./Load.js"
export * from "./ManagerMachine.js"
export { type Sighting, tracked } from "./NodeTracker.js"
export type { Move, Plan } from "./Plan.js"
export {
  leastLoaded,
  type Policy,
  type PolicyName,
  policies,
  roundRobin,
  weighted,
} from "./Policy.js"
export * from "./ShardTable.js"
export { decodeTable, encodeTable } from "./TableCodec.js"
export { tuning } from "./Tuning.js"
export type { MoveSample, WatchedMove } from "./Undo.js"
export { whyShard } from "./whyShard.js"
