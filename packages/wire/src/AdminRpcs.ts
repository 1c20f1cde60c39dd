/**
 * Owns: the control plane as an RpcGroup: the name, payload and result of each call of the Admin
 * port on the wire. Must not know: how the calls travel (RpcPayload.ts, PROTOCOL.md).
 */
import { QueuePolicy, SkeinErrorEncoded } from "@skein/model"
import { Schema } from "effect"
import { Rpc, RpcGroup } from "./Platform.js"

const exactly = <Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.Struct(fields).annotations({ parseOptions: { onExcessProperty: "error" } })
const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const QueueInfo = Schema.Struct({
  name: Schema.String,
  shard: Schema.Int,
  generation: Schema.Int,
  policy: QueuePolicy,
})

const QueueCounts = Schema.Struct({
  ready: Schema.Int,
  leased: Schema.Int,
  total: Schema.Int,
  bytes: Schema.Int,
  published: Schema.Int,
  duplicates: Schema.Int,
  acked: Schema.Int,
  rejected: Schema.Int,
  returned: Schema.Int,
  failed: Schema.Int,
  purged: Schema.Int,
  producers: Schema.Int,
  sessions: Schema.Int,
  dedupIds: Schema.Int,
})

const QueueStatus = Schema.Struct({
  ...QueueInfo.fields,
  counts: QueueCounts,
  state: Schema.Literal("quarantined", "serving"),
  detail: optional(Schema.String),
})

const QueuePage = Schema.Struct({
  queues: Schema.Array(QueueInfo),
  next: optional(Schema.String),
})

const PeekedMessage = Schema.Struct({
  sequence: Schema.Int,
  body: Schema.Uint8ArrayFromSelf,
  key: optional(Schema.Uint8ArrayFromSelf),
  headers: optional(Schema.Uint8ArrayFromSelf),
  redelivered: Schema.Boolean,
  failed: Schema.Int,
  returned: Schema.Int,
})

const TreeEntry = Schema.Struct({
  path: Schema.String,
  state: Schema.String,
  restarts: Schema.Int,
  lastCause: optional(Schema.String),
})

const NodeStatus = Schema.Struct({
  version: Schema.String,
  fabricId: Schema.String,
  node: Schema.String,
  instance: Schema.String,
  address: Schema.String,
  pid: Schema.Int,
  uptimeMs: Schema.Number,
  ready: Schema.Boolean,
  shards: Schema.Int,
  shardsOpen: Schema.Int,
  queues: Schema.Int,
  connections: Schema.Int,
  sessions: Schema.Int,
  rssBytes: Schema.Number,
  journal: Schema.Struct({
    driver: Schema.String,
    durability: Schema.String,
    uncleanedBytes: Schema.Number,
    freeBytes: Schema.Number,
    commits: Schema.Number,
    committedBytes: Schema.Number,
  }),
  tree: Schema.Array(TreeEntry),
  limits: Schema.Record({ key: Schema.String, value: Schema.Number }),
})

const ClusterStatus = Schema.Struct({
  fabricId: Schema.String,
  node: Schema.String,
  nodes: Schema.Array(
    Schema.Struct({
      node: Schema.String,
      instance: Schema.String,
      address: Schema.String,
      pid: Schema.Int,
      state: Schema.Literal("draining", "joining", "leaving", "serving", "silent"),
      shards: Schema.Array(Schema.Int),
    }),
  ),
  manager: optional(Schema.String),
  tableVersion: Schema.Int,
  shards: Schema.Int,
  unplaced: Schema.Array(Schema.Int),
  decisions: Schema.Array(
    Schema.Struct({ atMs: Schema.Number, what: Schema.String, reason: Schema.String }),
  ),
  problems: Schema.Array(Schema.String),
})

const MovePlan = Schema.Struct({
  moves: Schema.Array(
    Schema.Struct({
      shard: Schema.Int,
      from: optional(Schema.String),
      to: Schema.String,
      reason: Schema.String,
      kind: Schema.String,
    }),
  ),
  spread: Schema.Struct({ before: Schema.Number, after: Schema.Number }),
  held: optional(Schema.String),
})

const DecisionPage = Schema.Struct({
  log: Schema.String,
  decisions: Schema.Array(
    Schema.Struct({
      atMs: Schema.Number,
      what: Schema.String,
      reason: Schema.String,
      number: Schema.Int,
      event: Schema.String,
      node: optional(Schema.String),
      shard: optional(Schema.Int),
      from: optional(Schema.String),
      to: optional(Schema.String),
      kind: optional(Schema.String),
      outcome: optional(Schema.String),
      tookMs: optional(Schema.Number),
      version: optional(Schema.Int),
    }),
  ),
  last: Schema.Int,
})

const QueueUses = Schema.Array(
  Schema.Struct({
    shard: Schema.Int,
    generation: Schema.Int,
    name: optional(Schema.String),
    requests: Schema.Int,
  }),
)

const ClientList = Schema.Struct({
  clients: Schema.Array(
    Schema.Struct({
      node: Schema.String,
      peer: Schema.String,
      clientName: optional(Schema.String),
      connectedMs: Schema.Number,
      sessions: Schema.Int,
      publishes: QueueUses,
      consumes: QueueUses,
    }),
  ),
  more: Schema.Int,
  silent: Schema.Array(Schema.String),
})

const loadFields = {
  shard: Schema.Int,
  bytesPerSecond: Schema.Number,
  messagesPerSecond: Schema.Number,
  depth: Schema.Number,
  busy: Schema.Number,
  confirmP99Ms: Schema.Number,
}

const ShardLoads = Schema.Struct({
  loads: Schema.Array(Schema.Struct({ node: Schema.String, ...loadFields })),
  silent: Schema.Array(Schema.String),
})

const ShardBackup = Schema.Struct({
  cut: Schema.String,
  shard: Schema.Int,
  epoch: Schema.Int,
  recordNumber: Schema.Int,
  journalMs: Schema.Number,
  chunks: Schema.Int,
  chunkBytes: Schema.Int,
  frames: Schema.Int,
  frameBytes: Schema.Int,
  aside: Schema.Array(Schema.Int),
})

const BackupPage = Schema.Struct({
  chunks: Schema.Array(Schema.Struct({ key: Schema.String, bytes: Schema.Uint8ArrayFromSelf })),
  frames: Schema.Array(
    Schema.Struct({
      generation: Schema.Int,
      first: Schema.Int,
      bytes: Schema.Uint8ArrayFromSelf,
    }),
  ),
  last: Schema.Boolean,
})

/** What other groups of calls between nodes answer with, too. */
export const adminSchemas = {
  ClientList,
  QueueInfo,
  QueuePage,
  ShardLoad: Schema.Struct(loadFields),
}

const ByName = exactly({ name: Schema.String })
const ByNode = exactly({ node: Schema.String })
const error = SkeinErrorEncoded

/** Those of ManagerPort. A call that answers nothing answers `true`. */
export const ManagerRpcs = RpcGroup.make(
  Rpc.make("drainNode", { payload: ByNode, success: Schema.Boolean, error }),
  Rpc.make("reviveNode", { payload: ByNode, success: Schema.Boolean, error }),
  Rpc.make("planMoves", { payload: exactly({}), success: MovePlan, error }),
  Rpc.make("rebalance", { payload: exactly({}), success: MovePlan, error }),
  Rpc.make("whyShard", {
    payload: exactly({ shard: Schema.Int }),
    success: Schema.Array(Schema.String),
    error,
  }),
  Rpc.make("moveShard", {
    payload: exactly({ shard: Schema.Int, node: Schema.String }),
    success: Schema.Boolean,
    error,
  }),
  Rpc.make("decisions", {
    payload: exactly({
      after: optional(Schema.Int),
      log: optional(Schema.String),
      rowsMax: optional(Schema.Int),
    }),
    success: DecisionPage,
    error,
  }),
)

/** Calls about queues and the node that is asked. */
export const QueueRpcs = RpcGroup.make(
  Rpc.make("declare", {
    payload: exactly({
      name: Schema.String,
      policy: optional(Schema.Record({ key: Schema.String, value: Schema.Number })),
    }),
    success: QueueInfo,
    error,
  }),
  Rpc.make("delete", { payload: ByName, success: Schema.Boolean, error }),
  Rpc.make("lookup", { payload: ByName, success: QueueInfo, error }),
  Rpc.make("list", {
    payload: exactly({
      prefix: optional(Schema.String),
      after: optional(Schema.String),
      rowsMax: optional(Schema.Int),
    }),
    success: QueuePage,
    error,
  }),
  Rpc.make("show", { payload: ByName, success: QueueStatus, error }),
  Rpc.make("purge", { payload: ByName, success: Schema.Int, error }),
  Rpc.make("peek", {
    payload: exactly({
      name: Schema.String,
      from: optional(Schema.Int),
      messagesMax: optional(Schema.Int),
    }),
    success: Schema.Array(PeekedMessage),
    error,
  }),
  Rpc.make("status", { payload: exactly({}), success: NodeStatus, error }),
  Rpc.make("cluster", { payload: exactly({}), success: ClusterStatus, error }),
  Rpc.make("beginBackup", {
    payload: exactly({ shard: Schema.Int }),
    success: ShardBackup,
    error,
  }),
  Rpc.make("readBackup", {
    payload: exactly({ shard: Schema.Int, cut: Schema.String, page: Schema.Int }),
    success: BackupPage,
    error,
  }),
)

/**
 * All calls of the Admin port. Names and shapes are checked by the node's Admin; here only that
 * they have the right types.
 */
export const AdminRpcs = QueueRpcs.merge(
  ManagerRpcs,
  RpcGroup.make(
    Rpc.make("restartNode", {
      payload: exactly({ node: Schema.String, instance: Schema.String }),
      success: Schema.Boolean,
      error,
    }),
    Rpc.make("shardLoads", { payload: exactly({}), success: ShardLoads, error }),
    Rpc.make("clients", {
      payload: exactly({ node: optional(Schema.String) }),
      success: ClientList,
      error,
    }),
  ),
)
