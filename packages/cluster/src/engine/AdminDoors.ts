/**
 * Owns: control calls as entities of the engine: `s017/orders` answers for the queue orders where
 * its shard is, `s000/catalog` for the catalog. A door holds no state and idles out.
 * Must not know: how the local Admin answers, who calls.
 */
import type { QueuePolicyInput, Shard } from "@skein/model"
import { type Admin, type FabricCalls, QueueRpcs } from "@skein/wire"
import { Effect, type Layer } from "effect"
import { ClusterSchema, Entity, type Sharding } from "../Platform.js"
import {
  answerDoor as answer,
  type CallDoor,
  doorId,
  doorOptions,
  groupOfDoor,
  makeCallDoor,
} from "./DoorCalls.js"
import type { LocalShards } from "./TableRunnerStorage.js"

const catalogShard: Shard = 0
const catalogDoor = doorId(catalogShard, "catalog")

const AdminDoor = Entity.fromRpcGroup("Admin", QueueRpcs)
  .annotateRpcs(ClusterSchema.ClientTracingEnabled, false)
  .annotate(ClusterSchema.ShardGroup, groupOfDoor)

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
      beginBackup: ({ payload }) => answer(() => local.beginBackup(payload.shard)),
      readBackup: ({ payload }) => answer(() => local.readBackup(payload)),
    },
    doorOptions,
  )

/**
 * The Admin port for all shards: a call whose shard is open here is answered here, in no more steps
 * than that takes; the others go through the door on the node that has the shard. A call ends with
 * ShardUnavailable after `withinMs` (default 5 s) at the latest, each of its two steps for itself.
 * `fabric` answers what is asked of the whole fabric; default: this node alone.
 */
export const makeDoorAdmin = (
  local: Admin,
  here: LocalShards,
  withinMs?: number,
  fabric: FabricCalls = local,
): Effect.Effect<Admin, never, Sharding.Sharding> =>
  Effect.gen(function* () {
    const door = yield* AdminDoor.client
    const run = yield* makeCallDoor(withinMs)
    const remote = remoteAdmin(local, door, run)
    const catalog = (): QueueAdmin => (here.isOpen(catalogShard) ? local : remote(catalogDoor))
    const queue = async (name: string): Promise<QueueAdmin> => {
      const { shard } = await catalog().lookup(name)
      return here.isOpen(shard) ? local : remote(doorId(shard, name))
    }
    const backup = (shard: Shard): QueueAdmin =>
      here.isOpen(shard) ? local : remote(doorId(shard, "backup"))
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
      beginBackup: (shard) => backup(shard).beginBackup(shard),
      readBackup: (request) => backup(request.shard).readBackup(request),
      drainNode: (node) => fabric.drainNode(node),
      reviveNode: (node) => fabric.reviveNode(node),
      planMoves: () => fabric.planMoves(),
      rebalance: () => fabric.rebalance(),
      whyShard: (shard) => fabric.whyShard(shard),
      moveShard: (shard, node) => fabric.moveShard(shard, node),
      decisions: (request) => fabric.decisions(request),
      restartNode: (node, instance) => fabric.restartNode(node, instance),
      shardLoads: () => fabric.shardLoads(),
      clients: (node) => fabric.clients(node),
    }
  })

/** What a queue's shard answers, and the node itself. */
type QueueAdmin = Omit<Admin, keyof FabricCalls>

/** The Admin port of the node that has the shard of a door. */
const remoteAdmin =
  (local: Admin, door: Effect.Effect.Success<typeof AdminDoor.client>, run: CallDoor) =>
  (id: string): QueueAdmin => {
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
      beginBackup: (shard) => run(at.beginBackup({ shard })),
      readBackup: (request) => run(at.readBackup(request)),
    }
  }

/** What the caller set; an absent setting is not sent. */
const given = (policy: QueuePolicyInput = {}): Record<string, number> => {
  const settings: Record<string, number> = {}
  for (const [name, value] of Object.entries(policy))
    if (value !== undefined) settings[name] = value
  return settings
}
