/** Owns: the control calls as effects. */
import type { QueuePolicyInput, Tagged } from "@skein/model"
import type {
  ClusterStatus,
  ListRequest,
  NodeStatus,
  PeekedMessage,
  PeekRequest,
  QueueInfo,
  QueuePage,
  QueueStatus,
} from "@skein/wire"
import { Effect } from "effect"
import type { CallOptions } from "../Deadline.js"
import type { NamedQueue } from "../SkeinClient.js"
import { type CallError, call, consumeTags, type DeclareError, declareTags } from "./errors.js"
import { Skein } from "./Skein.js"

type Options = Omit<CallOptions, "signal">
type Missing = Tagged<"QueueNotFound">

/** Creates the queue; with the same policy again, answers the one that is there. */
export const declare = (
  queue: NamedQueue | string,
  policy?: QueuePolicyInput,
  options?: Options,
): Effect.Effect<QueueInfo, DeclareError, Skein> =>
  Effect.flatMap(Skein, (client) =>
    call(declareTags, (signal) => client.declare(queue, policy, { ...options, signal })),
  )

/** Deletes the queue with its messages; `false`: there was none. */
export const remove = (
  queue: NamedQueue | string,
  options?: Options,
): Effect.Effect<boolean, CallError, Skein> =>
  Effect.flatMap(Skein, (client) =>
    call([], (signal) => client.delete(queue, { ...options, signal })),
  )

/** One page of queues in the order of their names. */
export const list = (
  request?: ListRequest,
  options?: Options,
): Effect.Effect<QueuePage, CallError, Skein> =>
  Effect.flatMap(Skein, (client) =>
    call([], (signal) => client.list(request, { ...options, signal })),
  )

/** Settings and counts. */
export const show = (
  queue: NamedQueue | string,
  options?: Options,
): Effect.Effect<QueueStatus, CallError | Missing, Skein> =>
  Effect.flatMap(Skein, (client) =>
    call(consumeTags, (signal) => client.show(queue, { ...options, signal })),
  )

/** Removes every message that is ready; answers how many. */
export const purge = (
  queue: NamedQueue | string,
  options?: Options,
): Effect.Effect<number, CallError | Missing, Skein> =>
  Effect.flatMap(Skein, (client) =>
    call(consumeTags, (signal) => client.purge(queue, { ...options, signal })),
  )

/** Looks at messages without taking them. */
export const peek = (
  request: PeekRequest,
  options?: Options,
): Effect.Effect<readonly PeekedMessage[], CallError | Missing, Skein> =>
  Effect.flatMap(Skein, (client) =>
    call(consumeTags, (signal) => client.peek(request, { ...options, signal })),
  )

/** What the node says of itself. */
export const status = (options?: Options): Effect.Effect<NodeStatus, CallError, Skein> =>
  Effect.flatMap(Skein, (client) => call([], (signal) => client.status({ ...options, signal })))

/** The fabric's nodes, and which has which shards, as the node that answers knows it. */
export const cluster = (options?: Options): Effect.Effect<ClusterStatus, CallError, Skein> =>
  Effect.flatMap(Skein, (client) => call([], (signal) => client.cluster({ ...options, signal })))
