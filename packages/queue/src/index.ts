export type * from "./Command.js"
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
