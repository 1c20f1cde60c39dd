/**
 * Owns: calls from one node to another by the node's name, as entities of the engine:
 * `node-n2/door` is on the node n2 while n2 lives. A door holds no state.
 * Must not know: what the calls are for, what a move's messages say.
 *
 * Each call may be carried out twice when a connection breaks over it, the second time by a new
 * process of the same name: messages of a move carry what tells them apart. A call ends when its
 * node is not there any more, and after a bounded time at the latest; what it asked for may have
 * been done.
 */
import {
  type InstanceId,
  limits,
  type NodeName,
  type SkeinError,
  SkeinErrorEncoded,
  skeinError,
} from "@skein/model"
import type { ShardLoad } from "@skein/placement"
import { adminSchemas, type ClientList, type ManagerPort, ManagerRpcs } from "@skein/wire"
import { Effect, type Layer, Schema } from "effect"
import type { FabricMap } from "../FabricMap.js"
import { ClusterSchema, Entity, Rpc, RpcGroup, type Sharding } from "../Platform.js"
import {
  answerDoor as answer,
  type CallDoor,
  doorOptions,
  groupOfDoor,
  makeCallDoor,
} from "./DoorCalls.js"
import { nodeGroup } from "./TableRunnerStorage.js"

/** A plain map: texts, numbers, booleans, bytes, and lists and maps of these. */
export type MoveMessage = Readonly<Record<string, unknown>>

/** What a node answers to the others. Every promise rejects with a SkeinError only. */
export interface NodePort {
  /** Of the shards that are open on the node, since its last sample. */
  readonly loads: () => Promise<readonly ShardLoad[]>
  /** Who is connected to the node. */
  readonly clients: () => Promise<ClientList>
  /** Resolves with the node's answer. Bytes: at most `limits.frameBytesMax`. */
  readonly moveMessage: (from: NodeName, message: MoveMessage) => Promise<boolean>
  /**
   * Has the process stop in order, if it is that instance, for its supervisor to start another:
   * resolves when it has begun. Rejects with RestartRefused: it has none.
   */
  readonly restart: (instance: InstanceId) => Promise<void>
  /** The node as the manager; ManagerUnavailable, with the manager's name, when it is not. */
  readonly manager: ManagerPort
}

export interface NodeCalls {
  /**
   * The node's port, or this node's own. Its calls reject with NodeUnknown when no such node is
   * there, with TimedOut when it went or gave no answer: what was asked may have been done.
   */
  readonly at: (node: NodeName) => NodePort
  /** As {@link NodePort.moveMessage}, from this node. */
  readonly moveMessage: (to: NodeName, message: MoveMessage) => Promise<boolean>
  /** The nodes that are there, this one first. */
  readonly living: () => readonly NodeName[]
}

const error = SkeinErrorEncoded

const NodeDoor = Entity.fromRpcGroup(
  "Node",
  RpcGroup.make(
    Rpc.make("loads", { success: Schema.Array(adminSchemas.ShardLoad), error }),
    Rpc.make("clientList", { success: adminSchemas.ClientList, error }),
    Rpc.make("restart", {
      payload: { instance: Schema.String },
      success: Schema.Boolean,
      error,
    }),
    Rpc.make("moveMessage", {
      payload: {
        from: Schema.String,
        message: Schema.Record({ key: Schema.String, value: Schema.Unknown }),
      },
      success: Schema.Boolean,
      error,
    }),
  ).merge(ManagerRpcs),
)
  .annotateRpcs(ClusterSchema.ClientTracingEnabled, false)
  .annotate(ClusterSchema.ShardGroup, groupOfDoor)

/** Serves the door of this node. */
export const layerNodeDoors = (local: NodePort): Layer.Layer<never, never, Sharding.Sharding> => {
  const { manager } = local
  const done = (call: Promise<void>): Promise<boolean> => call.then(() => true)
  return NodeDoor.toLayer(
    {
      loads: () => answer(() => local.loads()),
      clientList: () => answer(() => local.clients()),
      restart: ({ payload }) => answer(() => done(local.restart(payload.instance))),
      moveMessage: ({ payload }) => answer(() => local.moveMessage(payload.from, payload.message)),
      drainNode: ({ payload }) => answer(() => done(manager.drainNode(payload.node))),
      reviveNode: ({ payload }) => answer(() => done(manager.reviveNode(payload.node))),
      planMoves: () => answer(() => manager.planMoves()),
      rebalance: () => answer(() => manager.rebalance()),
      whyShard: ({ payload }) => answer(() => manager.whyShard(payload.shard)),
      moveShard: ({ payload }) =>
        answer(() => done(manager.moveShard(payload.shard, payload.node))),
      decisions: ({ payload }) => answer(() => manager.decisions(payload)),
    },
    doorOptions,
  )
}

export interface NodeCallsOptions {
  readonly map: Pick<FabricMap, "nodes" | "onChange" | "self">
  /** This node's own: calls to itself take no door. */
  readonly local: NodePort
  /** Default `limits.nodeCallWithinMs`; a move that an operator asked for has longer. */
  readonly withinMs?: number
}

export const makeNodeCalls = (
  options: NodeCallsOptions,
): Effect.Effect<NodeCalls, never, Sharding.Sharding> =>
  Effect.gen(function* () {
    const { map, local, withinMs = limits.nodeCallWithinMs } = options
    const door = yield* NodeDoor.client
    const call = yield* makeCallDoor(withinMs, unanswered)
    const longCall = yield* makeCallDoor(limits.moveCallWithinMs, unanswered)
    const isThere = (node: NodeName): boolean =>
      map.nodes().some((seen) => seen.node === node && !seen.silent && seen.address !== "")
    const at = (node: NodeName): NodePort =>
      node === map.self
        ? local
        : remotePort(door(`${nodeGroup(node)}/door`), {
            call: whileThere(map, node, isThere, call),
            longCall: whileThere(map, node, isThere, longCall),
          })
    return {
      at,
      moveMessage: (to, message) => at(to).moveMessage(map.self, message),
      living: () => {
        const names = map.nodes().flatMap(({ node }) => (isThere(node) ? [node] : []))
        return [...new Set([map.self, ...names])]
      },
    }
  })

const unanswered = (how: string): SkeinError => skeinError("TimedOut", `the node's answer: ${how}`)

/** Ends the call when the node is not there any more. */
const whileThere =
  (
    map: Pick<FabricMap, "nodes" | "onChange">,
    node: NodeName,
    isThere: (node: NodeName) => boolean,
    run: CallDoor,
  ): CallDoor =>
  (effect) =>
    new Promise((resolve, reject) => {
      if (!isThere(node)) {
        const shown = node.slice(0, limits.nodeNameBytesMax)
        return reject(skeinError("NodeUnknown", `no node ${shown} is there`, { node: shown }))
      }
      const end = map.onChange(() => {
        if (isThere(node)) return
        end()
        reject(skeinError("TimedOut", `${node} went away during the call`, { node }))
      })
      run(effect).then(resolve, reject).finally(end)
    })

type Door = ReturnType<Effect.Effect.Success<typeof NodeDoor.client>>

const remotePort = (
  door: Door,
  { call, longCall }: { readonly call: CallDoor; readonly longCall: CallDoor },
): NodePort => ({
  loads: () => call(door.loads()),
  clients: () => call(door.clientList()),
  restart: async (instance) => {
    await call(door.restart({ instance }))
  },
  // The start of a move is answered when the move has ended.
  moveMessage: (from, message) =>
    (message.call === "startMove" ? longCall : call)(door.moveMessage({ from, message })),
  manager: {
    drainNode: async (node) => {
      await call(door.drainNode({ node }))
    },
    reviveNode: async (node) => {
      await call(door.reviveNode({ node }))
    },
    planMoves: () => call(door.planMoves({})),
    rebalance: () => call(door.rebalance({})),
    whyShard: (shard) => call(door.whyShard({ shard })),
    moveShard: async (shard, node) => {
      await longCall(door.moveShard({ shard, node }))
    },
    decisions: (request = {}) => call(door.decisions(request)),
  },
})
