export { type Deferred, deferred } from "./Deferred.js"
export { GroupCommit } from "./GroupCommit.js"
export type { ActorChunk, ActorDelta, ShardActor, Turn, Waiter } from "./ShardActor.js"
export { type ActorFactory, type HostContext, ShardHost } from "./ShardHost.js"
