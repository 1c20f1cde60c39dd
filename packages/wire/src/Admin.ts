/**
 * Owns: the control port that outsiders see: what an operator and a client ask about queues and the
 * node. Every promise rejects with a SkeinError only.
 * Must not know: sockets, Effect.
 */
import type { QueuePolicy, QueuePolicyInput, QueueRef, Sequence } from "@skein/model"
import type { Broker } from "./Broker.js"

export interface QueueInfo extends QueueRef {
  readonly name: string
  readonly policy: QueuePolicy
}

export interface QueueCounts {
  readonly ready: number
  readonly leased: number
  /** ready + leased, at every moment. */
  readonly total: number
  readonly bytes: number
  readonly published: number
  readonly duplicates: number
  readonly acked: number
  readonly rejected: number
  readonly returned: number
  readonly failed: number
  readonly purged: number
  readonly producers: number
  readonly sessions: number
  readonly dedupIds: number
}

export interface QueueStatus extends QueueInfo {
  readonly counts: QueueCounts
  /** `quarantined`: set aside after a fault, records kept. */
  readonly state: "quarantined" | "serving"
  readonly detail?: string
}

export interface ListRequest {
  readonly prefix?: string
  /** Names after this one. */
  readonly after?: string
  /** At most `limits.listPageRowsMax`. */
  readonly rowsMax?: number
}

export interface QueuePage {
  readonly queues: readonly QueueInfo[]
  /** Ask again with `after` = this name; absent on the last page. */
  readonly next?: string
}

export interface PeekRequest {
  readonly name: string
  /** First sequence to look at; default the oldest. */
  readonly from?: Sequence
  readonly messagesMax?: number
}

export interface PeekedMessage {
  readonly sequence: Sequence
  /** One msgpack value, as the publisher packed it. */
  readonly body: Uint8Array
  readonly key?: Uint8Array
  readonly headers?: Uint8Array
  readonly redelivered: boolean
  readonly failed: number
  readonly returned: number
}

export interface TreeEntry {
  readonly path: string
  readonly state: string
  readonly restarts: number
  readonly lastCause?: string
}

export interface NodeStatus {
  readonly version: string
  readonly fabricId: string
  readonly node: string
  readonly instance: string
  readonly address: string
  readonly pid: number
  readonly uptimeMs: number
  /** It takes new work: `false` while it is drained, joins or leaves. */
  readonly ready: boolean
  readonly shards: number
  readonly shardsOpen: number
  readonly queues: number
  readonly connections: number
  readonly sessions: number
  readonly rssBytes: number
  readonly journal: {
    readonly driver: string
    readonly durability: string
    readonly uncleanedBytes: number
    readonly freeBytes: number
    readonly commits: number
    readonly committedBytes: number
  }
  readonly tree: readonly TreeEntry[]
  readonly limits: Readonly<Record<string, number>>
}

/** One node as the answering node sees it. */
export interface ClusterNode {
  readonly node: string
  /** New at each start of its process; "": never seen, only the shard table names it. */
  readonly instance: string
  /** `host:port`; "": it does not listen yet, or was never seen. */
  readonly address: string
  /** 0: never seen. */
  readonly pid: number
  /** `draining`: an operator told it to give up its shards. `silent`: no sign of life. */
  readonly state: "draining" | "joining" | "leaving" | "serving" | "silent"
  /** What the shard table gives it, ascending; owner tokens say who really has a shard. */
  readonly shards: readonly number[]
}

/** Something that the shard manager did. */
export interface ClusterDecision {
  /** Wall time, milliseconds since 1970. */
  readonly atMs: number
  /** `s017: n1 -> n2`. */
  readonly what: string
  readonly reason: string
}

/** The fabric as the answering node knows it; a node of its own answers with itself alone. */
export interface ClusterStatus {
  readonly fabricId: string
  /** The node that answers. */
  readonly node: string
  /** By name; at most `limits.nodesMax`. */
  readonly nodes: readonly ClusterNode[]
  /** The node that decides where shards are; absent: nobody is known to. */
  readonly manager?: string
  /** Of the shard table; 0: nobody has written one yet. */
  readonly tableVersion: number
  readonly shards: number
  /** Shards that no node should have, ascending. */
  readonly unplaced: readonly number[]
  /** The newest last. */
  readonly decisions: readonly ClusterDecision[]
  /** What an operator should know, one sentence each; empty: all is well. */
  readonly problems: readonly string[]
}

/** What a decision is about, for programs; each is there as far as the kind of event has it. */
export interface DecisionFacts {
  /** The node that joined, was drained, failed a shard, … */
  readonly node?: string
  /** The shard of a move or a change of the table. */
  readonly shard?: number
  /** Where it was; absent with a shard: no living node had it. */
  readonly from?: string
  readonly to?: string
  /** `allocate`, `balance`, `evacuate`, `operator` or `undo`. */
  readonly kind?: string
  /** Of a move that ended: `done`, or `refused` and the shard is where it was. */
  readonly outcome?: string
  readonly tookMs?: number
  /** Of the shard table. */
  readonly version?: number
}

/** Something that the manager did, or saw, with its number in the manager's log. */
export interface NumberedDecision extends ClusterDecision, DecisionFacts {
  /** Rises by one; it begins at 1 with each manager. */
  readonly number: number
  /** The kind of event, such as `MoveEnded`. */
  readonly event: string
}

export interface DecisionsRequest {
  /** Those after this number; default 0: from the oldest that is kept. */
  readonly after?: number
  /** Whose numbers `after` belongs to; with another log the answer begins at its oldest. */
  readonly log?: string
  /** At most `limits.decisionsKept`. */
  readonly rowsMax?: number
}

export interface DecisionPage {
  /** Names this log: another manager has another one, with numbers of its own. */
  readonly log: string
  /** Ascending; a gap before the first: older ones are not kept any more. */
  readonly decisions: readonly NumberedDecision[]
  /** Ask again with `after` = this. */
  readonly last: number
}

export interface PlannedMove {
  readonly shard: number
  /** Absent: no living node has it. */
  readonly from?: string
  readonly to: string
  readonly reason: string
  /** `allocate`, `balance`, `evacuate`, `operator` or `undo`. */
  readonly kind: string
}

export interface MovePlan {
  readonly moves: readonly PlannedMove[]
  /** Load of the busiest node divided by that of the idlest, now and after the moves; >= 1. */
  readonly spread: { readonly before: number; readonly after: number }
  /** Why there are no (more) moves. */
  readonly held?: string
}

/**
 * What operators ask of the node that decides where shards are. Any node takes these calls and
 * passes them on; ManagerUnavailable: there was no such node for some seconds.
 */
export interface ManagerPort {
  /**
   * Takes all shards from the node, by planned moves, and gives it none until it is revived;
   * resolves when that is decided. Again is fine. Rejects with NodeUnknown or MoveRefused.
   */
  readonly drainNode: (node: string) => Promise<void>
  /** Lets a drained node have shards again. Again is fine. Rejects with NodeUnknown. */
  readonly reviveNode: (node: string) => Promise<void>
  /** What the next round of balancing would do; nothing is done. */
  readonly planMoves: () => Promise<MovePlan>
  /** Begins the moves of the plan now, and answers them. Rejects with MoveRefused. */
  readonly rebalance: () => Promise<MovePlan>
  /** Why the shard is where it is, most important first. Rejects with MoveRefused. */
  readonly whyShard: (shard: number) => Promise<readonly string[]>
  /**
   * Resolves when `node` serves the shard. Rejects with NodeUnknown, or MoveRefused with the
   * reason: the shard is where it was.
   */
  readonly moveShard: (shard: number, node: string) => Promise<void>
  readonly decisions: (request?: DecisionsRequest) => Promise<DecisionPage>
}

/** A queue as one connection uses it. */
export interface QueueUse {
  readonly shard: number
  readonly generation: number
  /** Absent: the queue is not open on this node any more. */
  readonly name?: string
  /** Of publishes, or of fetches, on this connection. */
  readonly requests: number
}

export interface ConnectedClient {
  readonly node: string
  /** `host:port` of the other end. */
  readonly peer: string
  /** As it said in its hello. */
  readonly clientName?: string
  /** How long it has been connected. */
  readonly connectedMs: number
  /** Sessions opened over this connection and not closed over it. */
  readonly sessions: number
  /** At most `limits.queueUsesPerConnectionMax` each, those used first. */
  readonly publishes: readonly QueueUse[]
  readonly consumes: readonly QueueUse[]
}

export interface ClientList {
  /** At most `limits.clientRowsMax` of each node. */
  readonly clients: readonly ConnectedClient[]
  /** Connections that are not among them. */
  readonly more: number
  /** Nodes that gave no answer in time. */
  readonly silent: readonly string[]
}

/** What a shard did in about the last second, as the node that has it counted. */
export interface LoadOfShard {
  readonly node: string
  readonly shard: number
  /** Published and delivered together, as the next. */
  readonly bytesPerSecond: number
  readonly messagesPerSecond: number
  /** Messages that wait. */
  readonly depth: number
  /** Share of the time that the node's thread worked for the shard, 0 to 1. */
  readonly busy: number
  /** 99th percentile of confirms, milliseconds, rounded up by at most 41 %; 0: none. */
  readonly confirmP99Ms: number
}

export interface ShardLoads {
  readonly loads: readonly LoadOfShard[]
  /** Nodes that gave no answer in time. */
  readonly silent: readonly string[]
}

/** A shard as it was at the end of one record, which its owner holds while a backup reads it. */
export interface ShardBackup {
  /** Names it in `readBackup`. */
  readonly cut: string
  readonly shard: number
  readonly epoch: number
  /** The last record that is in it. */
  readonly recordNumber: number
  /** The shard's clock, milliseconds since 1970. */
  readonly journalMs: number
  readonly chunks: number
  readonly chunkBytes: number
  readonly frames: number
  readonly frameBytes: number
  /** Generations of queues that are set aside: nothing of them is in it. */
  readonly aside: readonly number[]
}

export interface BackupRequest {
  readonly shard: number
  readonly cut: string
  /** From 1, in order; the newest may be asked for again. */
  readonly page: number
}

export interface BackupPage {
  readonly chunks: readonly { readonly key: string; readonly bytes: Uint8Array }[]
  readonly frames: readonly {
    readonly generation: number
    readonly first: Sequence
    readonly bytes: Uint8Array
  }[]
  /** All has been read; this page is empty. */
  readonly last: boolean
}

/** Calls about the fabric as a whole: any node answers them, by asking others. */
export interface FabricCalls extends ManagerPort {
  readonly shardLoads: () => Promise<ShardLoads>
  /**
   * Has the process of the node stop in order, for whoever watches over it to start it again:
   * `skein cluster start` does. Resolves when that has begun, or when the instance is gone already.
   * Rejects with NodeUnknown, or RestartRefused: nobody would start it again.
   */
  readonly restartNode: (node: string, instance: string) => Promise<void>
  /** Who is connected to `node`; without one, to any node. Rejects with NodeUnknown. */
  readonly clients: (node?: string) => Promise<ClientList>
}

export interface Admin extends FabricCalls {
  /** Creates the queue; a repeat with the same policy answers the same queue. */
  readonly declare: (name: string, policy?: QueuePolicyInput) => Promise<QueueInfo>
  /** `false`: there was none. Its messages are gone, its generation never comes back. */
  readonly delete: (name: string) => Promise<boolean>
  /** Rejects with QueueNotFound. */
  readonly lookup: (name: string) => Promise<QueueInfo>
  readonly list: (request?: ListRequest) => Promise<QueuePage>
  readonly show: (name: string) => Promise<QueueStatus>
  /** How many ready messages were removed. */
  readonly purge: (name: string) => Promise<number>
  readonly peek: (request: PeekRequest) => Promise<readonly PeekedMessage[]>
  readonly status: () => Promise<NodeStatus>
  readonly cluster: () => Promise<ClusterStatus>
  /**
   * Takes hold of the shard as it is now. There is one at a time of a shard: a newer one ends it,
   * and so does a new owner, or `limits.backupIdleMs` without a reader.
   */
  readonly beginBackup: (shard: number) => Promise<ShardBackup>
  /** Rejects with BackupEnded: begin the shard again. ShardCorrupt: a frame is damaged. */
  readonly readBackup: (request: BackupRequest) => Promise<BackupPage>
}

/** What a door leads to: both ports of one fabric. */
export interface Fabric {
  readonly broker: Broker
  readonly admin: Admin
}
