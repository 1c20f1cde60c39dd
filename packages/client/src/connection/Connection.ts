/** Owns: what one connection to a node offers: both ports, and its life. It does not reconnect. */
import type { QueuePolicyInput, SessionId, SkeinError } from "@skein/model"
import type {
  Admin,
  BackupPage,
  BackupRequest,
  Broker,
  ClientList,
  ClusterStatus,
  DecisionPage,
  DecisionsRequest,
  ExtendRequest,
  Fabric,
  FetchCall,
  FetchRequest,
  ListRequest,
  MovePlan,
  NodeStatus,
  PeekedMessage,
  PeekRequest,
  PublishAnswer,
  PublishRequest,
  QueueInfo,
  QueuePage,
  QueueStatus,
  SettleAnswer,
  SettleRequest,
  ShardBackup,
  ShardLoads,
  ShardMap,
  Welcome,
} from "@skein/wire"
import type { CallOptions } from "./Calls.js"

/**
 * The broker over a socket. Beyond what a Broker rejects with: ConnectionFailed when the connection
 * ends first, TimedOut, Aborted, Overloaded when too much waits to be sent.
 */
export interface ConnectionBroker extends Broker {
  readonly publish: (request: PublishRequest, options?: CallOptions) => Promise<PublishAnswer>
  /** The timeout counts from the end of `waitMs`. */
  readonly fetch: (request: FetchRequest, options?: CallOptions) => FetchCall
  readonly settle: (request: SettleRequest, options?: CallOptions) => Promise<SettleAnswer>
  readonly extend: (request: ExtendRequest, options?: CallOptions) => Promise<readonly number[]>
  readonly openSession: (
    session: SessionId,
    leaseMs: number,
    options?: CallOptions,
  ) => Promise<void>
  readonly closeSession: (session: SessionId, options?: CallOptions) => Promise<void>
}

/** The admin port over a socket; the same additional errors. */
export interface ConnectionAdmin extends Admin {
  readonly declare: (
    name: string,
    policy?: QueuePolicyInput,
    options?: CallOptions,
  ) => Promise<QueueInfo>
  readonly delete: (name: string, options?: CallOptions) => Promise<boolean>
  readonly lookup: (name: string, options?: CallOptions) => Promise<QueueInfo>
  readonly list: (request?: ListRequest, options?: CallOptions) => Promise<QueuePage>
  readonly show: (name: string, options?: CallOptions) => Promise<QueueStatus>
  readonly purge: (name: string, options?: CallOptions) => Promise<number>
  readonly peek: (request: PeekRequest, options?: CallOptions) => Promise<readonly PeekedMessage[]>
  readonly status: (options?: CallOptions) => Promise<NodeStatus>
  readonly cluster: (options?: CallOptions) => Promise<ClusterStatus>
  readonly beginBackup: (shard: number, options?: CallOptions) => Promise<ShardBackup>
  readonly readBackup: (request: BackupRequest, options?: CallOptions) => Promise<BackupPage>
  readonly drainNode: (node: string, options?: CallOptions) => Promise<void>
  readonly reviveNode: (node: string, options?: CallOptions) => Promise<void>
  readonly planMoves: (options?: CallOptions) => Promise<MovePlan>
  readonly rebalance: (options?: CallOptions) => Promise<MovePlan>
  readonly whyShard: (shard: number, options?: CallOptions) => Promise<readonly string[]>
  readonly moveShard: (shard: number, node: string, options?: CallOptions) => Promise<void>
  readonly decisions: (request?: DecisionsRequest, options?: CallOptions) => Promise<DecisionPage>
  readonly shardLoads: (options?: CallOptions) => Promise<ShardLoads>
  readonly restartNode: (node: string, instance: string, options?: CallOptions) => Promise<void>
  readonly clients: (node?: string, options?: CallOptions) => Promise<ClientList>
}

/** The engine's messages of a connection between nodes; see PROTOCOL.md, kind `engine`. */
export interface EngineLine {
  /** Sends one; answers why it cannot. `payload` must stay as it is until it has been sent. */
  readonly send: (payload: Uint8Array) => SkeinError | undefined
  /** `listener` takes the place of the one before. */
  readonly onMessage: (listener: (payload: Uint8Array) => void) => void
}

export interface Connection extends Fabric {
  readonly broker: ConnectionBroker
  readonly admin: ConnectionAdmin
  readonly welcome: Welcome
  /** Why it ended, once it has. Never rejects. FabricClosed after `close`. */
  readonly closed: Promise<SkeinError>
  /** The node is shutting down: its reason. Publish and fetch elsewhere; answers still come. */
  readonly goaway: Promise<string>
  /** The newest shard map that the node has sent; `undefined` while it has sent none. */
  readonly shardMap: () => ShardMap | undefined
  /** Calls `listener` with each shard map from now on; the answer ends that. */
  readonly onShardMap: (listener: (map: ShardMap) => void) => () => void
  /** Of use only on a connection that presented the fabric's peer secret. */
  readonly engine: EngineLine
  /** Round trip in milliseconds. */
  readonly ping: (options?: CallOptions) => Promise<number>
  /** Sends what is queued, then closes; calls without an answer reject with ConnectionFailed. */
  readonly close: () => Promise<void>
}
