/**
 * Owns: the calls between nodes about the catalog, as entities of the engine: `s000/names` is the
 * catalog itself, `s017/eraser` takes deleted queues out of the shard s017.
 * Must not know: how the catalog answers, when a queue is erased.
 *
 * Each call may be carried out twice when a node dies over it: all of them may be repeated. A
 * `delete` whose first answer was lost answers the same queue again until it is buried.
 */
import {
  type Generation,
  QueuePolicy,
  type QueueRef,
  type Shard,
  SkeinErrorEncoded,
} from "@skein/model"
import { adminSchemas, type ListRequest, type QueueInfo, type QueuePage } from "@skein/wire"
import { Effect, Layer, Schema } from "effect"
import { ClusterSchema, Entity, Rpc, RpcGroup, type Sharding } from "../Platform.js"
import {
  answerDoor as answer,
  doorId,
  doorOptions,
  groupOfDoor,
  makeCallDoor,
} from "./DoorCalls.js"

/** The catalog, wherever it is. Every promise rejects with a SkeinError only. */
export interface CatalogCalls {
  readonly declare: (name: string, policy: QueuePolicy) => Promise<QueueInfo>
  readonly delete: (name: string) => Promise<QueueRef | undefined>
  readonly bury: (generation: Generation) => Promise<void>
  readonly byName: (name: string) => Promise<QueueInfo | undefined>
  readonly byGeneration: (generation: Generation) => Promise<QueueInfo | undefined>
  /** Deleted queues that their shard has not erased yet. */
  readonly doomed: (shard: Shard) => Promise<readonly QueueRef[]>
  readonly list: (request: ListRequest) => Promise<QueuePage>
}

/** Takes a queue that the catalog has removed out of its shard, and buries it. */
export type EraseQueue = (queue: QueueRef, why: string) => Promise<void>

const error = SkeinErrorEncoded
const ByName = { name: Schema.String }
const ByGeneration = { generation: Schema.Int }
const Ref = Schema.Struct({ shard: Schema.Int, generation: Schema.Int })
const Found = Schema.NullOr(adminSchemas.QueueInfo)
const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const Names = Entity.fromRpcGroup(
  "Names",
  RpcGroup.make(
    Rpc.make("declare", {
      payload: { ...ByName, policy: QueuePolicy },
      success: adminSchemas.QueueInfo,
      error,
    }),
    Rpc.make("delete", { payload: ByName, success: Schema.NullOr(Ref), error }),
    Rpc.make("bury", { payload: ByGeneration, success: Schema.Boolean, error }),
    Rpc.make("byName", { payload: ByName, success: Found, error }),
    Rpc.make("byGeneration", { payload: ByGeneration, success: Found, error }),
    Rpc.make("doomed", { payload: { shard: Schema.Int }, success: Schema.Array(Ref), error }),
    Rpc.make("list", {
      payload: {
        prefix: optional(Schema.String),
        after: optional(Schema.String),
        rowsMax: optional(Schema.Int),
      },
      success: adminSchemas.QueuePage,
      error,
    }),
  ),
)
  .annotateRpcs(ClusterSchema.ClientTracingEnabled, false)
  .annotate(ClusterSchema.ShardGroup, groupOfDoor)

const Eraser = Entity.fromRpcGroup(
  "Eraser",
  RpcGroup.make(
    Rpc.make("erase", {
      payload: { queue: Ref, why: Schema.String },
      success: Schema.Boolean,
      error,
    }),
  ),
)
  .annotateRpcs(ClusterSchema.ClientTracingEnabled, false)
  .annotate(ClusterSchema.ShardGroup, groupOfDoor)

/** Serves both with what is here: the catalog where s000 is, `erase` where the queue's shard is. */
export const layerCatalogDoors = (
  catalog: CatalogCalls,
  erase: EraseQueue,
): Layer.Layer<never, never, Sharding.Sharding> =>
  Layer.merge(
    Names.toLayer(
      {
        declare: ({ payload }) => answer(() => catalog.declare(payload.name, payload.policy)),
        delete: ({ payload }) => answer(async () => (await catalog.delete(payload.name)) ?? null),
        bury: ({ payload }) => answer(() => catalog.bury(payload.generation).then(() => true)),
        byName: ({ payload }) => answer(async () => (await catalog.byName(payload.name)) ?? null),
        byGeneration: ({ payload }) =>
          answer(async () => (await catalog.byGeneration(payload.generation)) ?? null),
        doomed: ({ payload }) => answer(() => catalog.doomed(payload.shard)),
        list: ({ payload }) => answer(() => catalog.list(payload)),
      },
      doorOptions,
    ),
    Eraser.toLayer(
      { erase: ({ payload }) => answer(() => erase(payload.queue, payload.why).then(() => true)) },
      doorOptions,
    ),
  )

export interface RemoteCatalog extends CatalogCalls {
  /** Asks the node that has the queue's shard. */
  readonly erase: EraseQueue
}

/** The catalog and the erasers through their doors, on whichever nodes they are. */
export const makeRemoteCatalog = (
  withinMs?: number,
): Effect.Effect<RemoteCatalog, never, Sharding.Sharding> =>
  Effect.gen(function* () {
    const names = (yield* Names.client)(doorId(0, "names"))
    const eraser = yield* Eraser.client
    const call = yield* makeCallDoor(withinMs)
    return {
      declare: (name, policy) => call(names.declare({ name, policy })),
      delete: async (name) => (await call(names.delete({ name }))) ?? undefined,
      bury: async (generation) => {
        await call(names.bury({ generation }))
      },
      byName: async (name) => (await call(names.byName({ name }))) ?? undefined,
      byGeneration: async (generation) =>
        (await call(names.byGeneration({ generation }))) ?? undefined,
      doomed: (shard) => call(names.doomed({ shard })),
      list: (request) => call(names.list(request)),
      erase: async (queue, why) => {
        await call(eraser(doorId(queue.shard, "eraser")).erase({ queue, why }))
      },
    }
  })
