/**
 * Owns: control calls as entities of the engine: `s017/orders` answers for the queue orders where
 * its shard is, `s000/catalog` for the catalog. A door holds no state and idles out.
 * Must not know: how the local Admin answers, who calls.
 *
 * The engine retries a call for ever while its shard has no runner, so each call has a timeout; an
 * entity that ends meanwhile gives an interrupt, which becomes ShardUnavailable here.
 */
import {
  decodeError,
  encodeError,
  isSkeinError,
  type QueuePolicyInput,
  type Shard,
  type SkeinError,
  type SkeinErrorEncoded,
  shardName,
  skeinError,
} from "@skein/model"
import { type Admin, AdminRpcs } from "@skein/wire"
import { Cause, Effect, Exit, type Layer, Option, Runtime } from "effect"
import { ClusterSchema, Entity, type Sharding } from "../Platform.js"
import type { LocalShards } from "./TableRunnerStorage.js"

const catalogShard: Shard = 0
const catalogDoor = "s000/catalog"
const callWithinMs = 10_000

const AdminDoor = Entity.fromRpcGroup("Admin", AdminRpcs)
  .annotateRpcs(ClusterSchema.ClientTracingEnabled, false)
  .annotate(ClusterSchema.ShardGroup, (id) => id.slice(0, id.indexOf("/")))

const answer = <A>(call: () => Promise<A>): Effect.Effect<A, SkeinErrorEncoded> =>
  Effect.uninterruptible(
    Effect.tryPromise({
      try: call,
      catch: (cause) =>
        encodeError(
          isSkeinError(cause) ? cause : skeinError("InternalError", "a control call failed"),
        ),
    }),
  )

/** Serves the doors of the shards that are here with `local`. */
export const layerAdminDoors = (local: Admin): Layer.Layer<never, never, Sharding.Sharding> =>
  AdminDoor.toLayer(
    {
      declare: ({ payload }) => answer(() => local.declare(payload.name, payload.policy)),
      delete: ({ payload }) => answer(() => local.delete(payload.name)),
      lookup: ({ payload }) => answer(() => local.lookup(payload.name)),
      list: ({ payload }) => answer(() => local.list(payload)),
      show: ({ payload }) => answer(() => local.show(payload.name)),
      purge: ({ payload }) => answer(() => local.purge(payload.name)),
      peek: ({ payload }) => answer(() => local.peek(payload)),
      status: () => answer(() => local.status()),
      cluster: () => answer(() => local.cluster()),
    },
    {
      concurrency: "unbounded",
      disableFatalDefects: true,
      maxIdleTime: "10 seconds",
      mailboxCapacity: 4096,
    },
  )

/**
 * The Admin port for all shards: a call whose shard is open here is answered here, in no more steps
 * than that takes; the others go through the door on the node that has the shard.
 */
export const makeDoorAdmin = (
  local: Admin,
  here: LocalShards,
): Effect.Effect<Admin, never, Sharding.Sharding> =>
  Effect.gen(function* () {
    const door = yield* AdminDoor.client
    const runtime = yield* Effect.runtime<never>()
    const run = async <A>(call: Effect.Effect<A, unknown>): Promise<A> => {
      const exit = await Runtime.runPromiseExit(runtime)(Effect.timeout(call, callWithinMs))
      if (Exit.isSuccess(exit)) return exit.value
      throw asError(exit.cause)
    }
    const remote = remoteAdmin(local, door, run)
    const catalog = (): Admin => (here.isOpen(catalogShard) ? local : remote(catalogDoor))
    const queue = async (name: string): Promise<Admin> => {
      const { shard } = await catalog().lookup(name)
      return here.isOpen(shard) ? local : remote(doorId(shard, name))
    }
    return {
      declare: (name, policy) => catalog().declare(name, policy),
      delete: (name) => catalog().delete(name),
      lookup: (name) => catalog().lookup(name),
      list: (request) => catalog().list(request),
      show: async (name) => (await queue(name)).show(name),
      purge: async (name) => (await queue(name)).purge(name),
      peek: async (request) => (await queue(request.name)).peek(request),
      status: () => local.status(),
      cluster: () => local.cluster(),
    }
  })

type Run = <A>(call: Effect.Effect<A, unknown>) => Promise<A>

/** The Admin port of the node that has the shard of a door. */
const remoteAdmin =
  (local: Admin, door: Effect.Effect.Success<typeof AdminDoor.client>, run: Run) =>
  (id: string): Admin => {
    const at = door(id)
    return {
      declare: (name, policy) => run(at.declare({ name, policy: given(policy) })),
      delete: (name) => run(at.delete({ name })),
      lookup: (name) => run(at.lookup({ name })),
      list: (request = {}) => run(at.list(request)),
      show: (name) => run(at.show({ name })),
      purge: (name) => run(at.purge({ name })),
      peek: (request) => run(at.peek(request)),
      status: () => local.status(),
      cluster: () => local.cluster(),
    }
  }

/** What the caller set; an absent setting is not sent. */
const given = (policy: QueuePolicyInput = {}): Record<string, number> => {
  const settings: Record<string, number> = {}
  for (const [name, value] of Object.entries(policy))
    if (value !== undefined) settings[name] = value
  return settings
}

const doorId = (shard: Shard, name: string): string => `${shardName(shard)}/${name}`

const asError = (cause: Cause.Cause<unknown>): SkeinError => {
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  if (isEncoded(failure)) return decodeError(failure)
  if (Cause.isInterruptedOnly(cause)) {
    return skeinError("ShardUnavailable", "the queue's shard moved during the call")
  }
  return skeinError("ShardUnavailable", `the control call had no answer: ${Cause.pretty(cause)}`)
}

const isEncoded = (value: unknown): value is SkeinErrorEncoded =>
  typeof value === "object" && value !== null && "tag" in value && "detail" in value
