/** Owns: the Promise API. Its types name no Effect; see effect.ts for the other one. */
export { type ErrorTag, isSkeinError, SkeinError, type Tagged } from "@skein/model"
export type { ClientOptions } from "./ClientOptions.js"
export { type ConnectSettings, connect, socketFabric } from "./connect.js"
export { type Connection, type ConnectOptions, connectFabric } from "./connection/index.js"
export type { ConsumeOptions } from "./consume/Consumer.js"
export { Consumer } from "./consume/Consumer.js"
export { Batch, Message } from "./consume/Message.js"
export type { BatchSettled, SettleOptions } from "./consume/SettleWaiters.js"
export type { CallOptions } from "./Deadline.js"
export type { FollowOptions } from "./followDecisions.js"
export type { FabricConnection, OpenFabric } from "./link/FabricConnection.js"
export type { MessageOptions } from "./publish/columnsOf.js"
export type { Published } from "./publish/PublishCall.js"
export {
  type PayloadCodec,
  type PayloadType,
  Queue,
  type QueueDefinition,
  type SchemaLike,
  type StandardSchemaLike,
} from "./QueueDefinition.js"
export {
  type PublishManyOptions,
  type PublishOptions,
  QueueHandle,
} from "./QueueHandle.js"
export { type Runtime, systemRuntime } from "./Runtime.js"
export { makeClient, type NamedQueue, SkeinClient } from "./SkeinClient.js"
export { Worker } from "./worker/Worker.js"
export type { Disposition, Handler, Verdict, WorkerOptions } from "./worker/WorkerOptions.js"
