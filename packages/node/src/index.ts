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
export * from "./port/index.js"
