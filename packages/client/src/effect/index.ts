/** Owns: the Effect API (`@skein/client/effect`), the same powers as the Promise API. */
export { SkeinError } from "@skein/model"
export { Child, Policy, Supervisor } from "@skein/supervision"
export { Queue, type QueueDefinition } from "../QueueDefinition.js"
export * as Cluster from "./Cluster.js"
export * as Consumer from "./Consumer.js"
export type {
  CallError,
  ClusterError,
  ConnectError,
  ConsumeError,
  DeclareError,
  PublishError,
  SettleError,
} from "./errors.js"
export * as Publisher from "./Publisher.js"
export * as Queues from "./Queues.js"
export { Skein } from "./Skein.js"
export * as Worker from "./Worker.js"
