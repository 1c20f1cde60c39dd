/** Owns: publishing as effects. Batches form over all fibers by themselves. */
import { Effect } from "effect"
import type { Published } from "../publish/PublishCall.js"
import type { QueueDefinition } from "../QueueDefinition.js"
import type { PublishManyOptions, PublishOptions } from "../QueueHandle.js"
import { call, type PublishError, publishTags } from "./errors.js"
import { Skein } from "./Skein.js"

/** Publishes one message; succeeds when it is durable. Interruption withdraws what is not sent. */
export const publish = <A>(
  queue: QueueDefinition<A>,
  value: A,
  options?: Omit<PublishOptions, "signal">,
): Effect.Effect<Published, PublishError, Skein> =>
  Effect.flatMap(Skein, (client) =>
    call(publishTags, (signal) => client.queue(queue).publish(value, { ...options, signal })),
  )

/** Publishes all in order; succeeds when all are durable. Not a transaction. */
export const publishMany = <A>(
  queue: QueueDefinition<A>,
  values: readonly A[],
  options?: Omit<PublishManyOptions<A>, "signal">,
): Effect.Effect<readonly Published[], PublishError, Skein> =>
  Effect.flatMap(Skein, (client) =>
    call(publishTags, (signal) => client.queue(queue).publishMany(values, { ...options, signal })),
  )

/** Succeeds when there is room to publish more: for producers that do not wait for confirms. */
export const room = <A>(queue: QueueDefinition<A>): Effect.Effect<void, never, Skein> =>
  Effect.flatMap(Skein, (client) => Effect.promise(() => client.queue(queue).room()))
