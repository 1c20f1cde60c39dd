/**
 * Owns: the client object of the Promise API, over any way to a fabric.
 *
 * Shutdown order: workers stop, consumers close (what they hold goes back), publishes in flight
 * end, sessions end, the links close; what is left then rejects with FabricClosed.
 */
import { type QueuePolicyInput, skeinError } from "@skein/model"
import type {
  BackupPage,
  BackupRequest,
  ClientList,
  ClusterStatus,
  DecisionPage,
  DecisionsRequest,
  ListRequest,
  MovePlan,
  NodeStatus,
  NumberedDecision,
  PeekedMessage,
  PeekRequest,
  QueueInfo,
  QueuePage,
  QueueStatus,
  ShardBackup,
  ShardLoads,
} from "@skein/wire"
import { ClientCore } from "./ClientCore.js"
import type { ClientOptions } from "./ClientOptions.js"
import { type CallLife, type CallOptions, withDeadline } from "./Deadline.js"
import { ignore } from "./Deferred.js"
import { type FollowOptions, followDecisions } from "./followDecisions.js"
import type { FabricConnection, OpenFabric } from "./link/FabricConnection.js"
import { Queue, type QueueDefinition } from "./QueueDefinition.js"
import { QueueHandle } from "./QueueHandle.js"
import { systemRuntime } from "./Runtime.js"

/**
 * A connection to a fabric that repairs itself. Every call takes `{ timeoutMs, signal }` (default
 * 30 s) and rejects with a SkeinError, whose `code`, `retryable` and `next` say what to do.
 */
export class SkeinClient implements AsyncDisposable {
  readonly #core: ClientCore
  readonly #handles = new Map<NamedQueue | string, unknown>()
  #closing: Promise<void> | undefined

  /** Not for programs: use `connect` or `makeClient`. */
  constructor(core: ClientCore) {
    this.#core = core
  }

  /** A handle to publish to and consume from a queue; by name alone, its values are unchecked. */
  queue(name: string): QueueHandle<unknown>
  queue<A>(definition: QueueDefinition<A>): QueueHandle<A>
  queue(definition: QueueDefinition<unknown> | string): QueueHandle<unknown> {
    // A definition stands for one type, so what is found under it has that type.
    const there = this.#handles.get(definition) as QueueHandle<unknown> | undefined
    if (there !== undefined) return there
    const full = typeof definition === "string" ? Queue.any(definition) : definition
    const handle = new QueueHandle(this.#core, full)
    this.#handles.set(definition, handle)
    return handle
  }

  /**
   * Creates the queue; with the same policy again, answers the one that is there.
   * Rejects with QueueNameInvalid, PolicyInvalid or PolicyMismatch.
   */
  declare(
    queue: NamedQueue | string,
    policy?: QueuePolicyInput,
    options?: CallOptions,
  ): Promise<QueueInfo> {
    return this.#control("declare", options, ({ admin }) => admin.declare(nameOf(queue), policy))
  }

  /** Deletes the queue with its messages; `false`: there was none. */
  delete(queue: NamedQueue | string, options?: CallOptions): Promise<boolean> {
    return this.#once("delete", options, ({ admin }) => admin.delete(nameOf(queue)))
  }

  /** One page of queues in the order of their names, by default 10,000. */
  list(request: ListRequest = {}, options?: CallOptions): Promise<QueuePage> {
    return this.#control("list", options, ({ admin }) => admin.list(request))
  }

  /** Settings and counts of a queue. Rejects with QueueNotFound. */
  show(queue: NamedQueue | string, options?: CallOptions): Promise<QueueStatus> {
    return this.#control("show", options, ({ admin }) => admin.show(nameOf(queue)))
  }

  /** Removes every message that is ready; answers how many. Rejects with QueueNotFound. */
  purge(queue: NamedQueue | string, options?: CallOptions): Promise<number> {
    return this.#once("purge", options, ({ admin }) => admin.purge(nameOf(queue)))
  }

  /** Looks at messages without taking them. Rejects with QueueNotFound. */
  peek(request: PeekRequest, options?: CallOptions): Promise<readonly PeekedMessage[]> {
    return this.#control("peek", options, ({ admin }) => admin.peek(request))
  }

  /** What the node says of itself. */
  status(options?: CallOptions): Promise<NodeStatus> {
    return this.#control("status", options, ({ admin }) => admin.status())
  }

  /** The fabric's nodes, and which has which shards, as the node that answers knows it. */
  cluster(options?: CallOptions): Promise<ClusterStatus> {
    return this.#control("cluster", options, ({ admin }) => admin.cluster())
  }

  /**
   * Takes all shards from the node by planned moves, and gives it none until it is revived.
   * Resolves when that is decided: `cluster` shows when the node has none left. Again is fine.
   * Rejects with NodeUnknown, MoveRefused (no other node could take them) or ManagerUnavailable.
   */
  drainNode(node: string, options?: CallOptions): Promise<void> {
    return this.#control("drainNode", options, ({ admin }) => admin.drainNode(node))
  }

  /** Lets a drained node have shards again. Again is fine. Errors as of `drainNode`. */
  reviveNode(node: string, options?: CallOptions): Promise<void> {
    return this.#control("reviveNode", options, ({ admin }) => admin.reviveNode(node))
  }

  /** What the next round of balancing would do; nothing is done. */
  planMoves(options?: CallOptions): Promise<MovePlan> {
    return this.#control("planMoves", options, ({ admin }) => admin.planMoves())
  }

  /** Begins the moves of that plan now, and answers them; `decisions` tells how they end. */
  rebalance(options?: CallOptions): Promise<MovePlan> {
    return this.#once("rebalance", options, ({ admin }) => admin.rebalance())
  }

  /** Why the shard is where it is, most important first. Rejects with MoveRefused: none such. */
  whyShard(shard: number, options?: CallOptions): Promise<readonly string[]> {
    return this.#control("whyShard", options, ({ admin }) => admin.whyShard(shard))
  }

  /**
   * Resolves when `node` serves the shard. Rejects with NodeUnknown or ManagerUnavailable, or with
   * MoveRefused and the reason: the shard is where it was.
   */
  moveShard(shard: number, node: string, options?: CallOptions): Promise<void> {
    return this.#once("moveShard", options, ({ admin }) => admin.moveShard(shard, node))
  }

  /** What the manager did and saw, by number: to follow it, ask again with `last` and `log`. */
  decisions(request: DecisionsRequest = {}, options?: CallOptions): Promise<DecisionPage> {
    return this.#control("decisions", options, ({ admin }) => admin.decisions(request))
  }

  /**
   * What the manager does and sees, from the oldest that it remembers, each once and without an
   * end: `for await (const decision of client.followDecisions())`. Ends when the signal aborts.
   */
  followDecisions(options: FollowOptions = {}): AsyncGenerator<NumberedDecision, void, undefined> {
    const { signal } = options
    const call = signal === undefined ? {} : { signal }
    const ask = (request: DecisionsRequest) => this.decisions(request, call)
    return followDecisions(ask, this.#core.runtime.clock, options)
  }

  /** What each shard did in about the last second. */
  shardLoads(options?: CallOptions): Promise<ShardLoads> {
    return this.#control("shardLoads", options, ({ admin }) => admin.shardLoads())
  }

  /**
   * Has that process of the node stop in order, for `skein cluster start` to start another: it is
   * drained for some seconds first. Resolves when it has begun. Rejects with NodeUnknown, or
   * RestartRefused: nobody would start it again.
   */
  restartNode(node: string, instance: string, options?: CallOptions): Promise<void> {
    return this.#control("restartNode", options, ({ admin }) => admin.restartNode(node, instance))
  }

  /** Who is connected to `node`; without one, to any node. Rejects with NodeUnknown. */
  clients(node?: string, options?: CallOptions): Promise<ClientList> {
    return this.#control("clients", options, ({ admin }) => admin.clients(node))
  }

  /**
   * Takes hold of a shard as it is now, to be read by `readBackup`: what `skein backup` is made of.
   * Rejects with ShardUnavailable.
   */
  beginBackup(shard: number, options?: CallOptions): Promise<ShardBackup> {
    return this.#control("beginBackup", options, ({ admin }) => admin.beginBackup(shard))
  }

  /** The next page of it, or the newest again. Rejects with BackupEnded: begin the shard again. */
  readBackup(request: BackupRequest, options?: CallOptions): Promise<BackupPage> {
    return this.#control("readBackup", options, ({ admin }) => admin.readBackup(request))
  }

  /**
   * Ends consumers and publishes in an orderly way within the timeout, then the connection. Again:
   * the same promise.
   */
  close(options?: CallOptions): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(options: CallOptions | undefined): Promise<void> {
    const core = this.#core
    const error = skeinError("FabricClosed", "the client was closed")
    const orderly = this.#settle()
    orderly.catch(ignore)
    try {
      // Without a connection nothing can be confirmed: iterations and handlers end, the rest fails.
      if (!core.router.isUp) await core.router.close(error)
      await withDeadline(core.runtime.clock, "close", options, () => orderly)
    } finally {
      for (const publisher of core.publishers) publisher.close(error)
      await core.router.close(error)
    }
  }

  async #settle(): Promise<void> {
    const { consumers, workers } = this.#core
    const stopped = [...workers].map((worker) => worker.stop())
    // A worker's own consumer goes with it, in its order.
    const closed = [...consumers]
      .filter((consumer) => !consumer.isWorkers)
      .map((consumer) => consumer.close())
    await Promise.allSettled([...stopped, ...closed])
    await Promise.allSettled([...this.#core.publishers].map((publisher) => publisher.idle()))
    await this.#core.closeSessions()
  }

  #control<A>(
    what: string,
    options: CallOptions | undefined,
    ask: (fabric: FabricConnection) => Promise<A>,
  ): Promise<A> {
    const core = this.#core
    return withDeadline(
      core.runtime.clock,
      what,
      options,
      (life) => core.control(life, ask),
      () => core.whyDown(),
    )
  }

  /** For what must not be asked twice: its answer would be another. */
  #once<A>(
    what: string,
    options: CallOptions | undefined,
    ask: (fabric: FabricConnection) => Promise<A>,
  ): Promise<A> {
    const core = this.#core
    const run = (life: CallLife): Promise<A> => core.control(life, ask, false)
    return withDeadline(core.runtime.clock, what, options, run, () => core.whyDown())
  }
}

/** A definition of any type, where only its name counts. */
export interface NamedQueue {
  readonly name: string
}

const nameOf = (queue: NamedQueue | string): string =>
  typeof queue === "string" ? queue : queue.name

/**
 * A client over any way to a fabric: a socket, or a fabric inside this process. Resolves when the
 * first connection stands; rejects with what hindered it, or TimedOut.
 */
export const makeClient = async (
  openFabric: OpenFabric,
  options: ClientOptions = {},
): Promise<SkeinClient> => {
  const runtime = options.runtime ?? systemRuntime
  const core = new ClientCore(openFabric, runtime)
  try {
    await withDeadline(
      runtime.clock,
      "connect",
      options,
      (life) => core.router.control.whenUp(life),
      () => core.whyDown(),
      // Connecting asks for nothing that could have been done.
      { outcome: "not sent", cause: () => core.router.control.lastError },
    )
  } catch (error) {
    await core.router.close()
    throw error
  }
  return new SkeinClient(core)
}
