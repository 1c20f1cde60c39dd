export { Aside } from "./aside/Aside.js"
export { type RecoveredQueue, recoverQueue } from "./aside/recoverQueue.js"
export type * from "./Command.js"
export type * from "./catalog/CatalogCommand.js"
export type * from "./catalog/CatalogDecision.js"
export {
  type CatalogEvent,
  catalogGeneration,
  isCatalogEvent,
  type QueueBuried,
  type QueueDeclared,
  type QueueRemoved,
} from "./catalog/CatalogEvent.js"
export {
  type CatalogState,
  catalogDigest,
  doomedQueues,
  emptyCatalog,
} from "./catalog/CatalogState.js"
export {
  catalogCheckpointDelta,
  isCatalogKey,
  restoreCatalog,
} from "./catalog/catalogCheckpoint.js"
export { decideCatalog } from "./catalog/decideCatalog.js"
export { evolveCatalog } from "./catalog/evolveCatalog.js"
export { checkInvariants } from "./checkInvariants.js"
export {
  checkpointDelta,
  generationOfKey,
  restoreQueue,
  type StateChunk,
  type StateDelta,
} from "./checkpoint.js"
export { decodeEvents, encodeEvents, type JournaledEvent } from "./codec/eventCodec.js"
export { isHandedOver } from "./commands/HandOver.js"
export type * from "./Decision.js"
export { decide } from "./decide.js"
export { digest } from "./digest.js"
export type * from "./Event.js"
export { evolve, isDurable } from "./evolve.js"
export {
  counts,
  emptyQueue,
  type FramePlace,
  framesDied,
  locate,
  nextDueMs,
  type QueueCounts,
  type QueueState,
  relocate,
  unlocatedFrames,
} from "./QueueState.js"
export type { DeadFrame } from "./state/Blocks.js"
export {
  countFrames,
  framesFrom,
  type LiveFrame,
  unplaceFrames,
  wholeCatalog,
  wholeQueue,
} from "./wholeState.js"
