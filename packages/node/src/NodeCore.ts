/**
 * Owns: one node without its doors: the open shards, the group commit, sessions, and both ports over
 * them. Plain TypeScript over ports (journal, clock), so that a simulator can run it; `Node.ts` puts
 * it under supervision.
 * Must not know: sockets, processes, Effect.
 *
 * Start: shard s000 first (it holds the catalog, which first uses of queues ask), then the others.
 * Shutdown: `closeShard` drains the shard's last record and closes it with a checkpoint; s000 last,
 * then `stop`.
 */
import { GroupCommit, type HostContext, ShardHost } from "@skein/cluster"
import type { Journal } from "@skein/journal"
import {
  type Clock,
  type QueueRef,
  type Shard,
  type SkeinError,
  shardName,
  skeinError,
} from "@skein/model"
import { catalogGeneration, emptyQueue, generationOfKey, restoreQueue } from "@skein/queue"
import type { Admin, Broker, Fabric, NodeStatus } from "@skein/wire"
import { CatalogActor } from "./CatalogActor.js"
import { NodeAdmin } from "./NodeAdmin.js"
import { NodeBroker } from "./NodeBroker.js"
import { QueueActor } from "./QueueActor.js"
import { Queues } from "./Queues.js"
import { Sessions } from "./Sessions.js"
import { StallWatch } from "./StallWatch.js"

export type OutsideOfCore = Omit<
  NodeStatus,
  "journal" | "queues" | "sessions" | "shards" | "shardsOpen" | "uptimeMs"
>

export interface NodeCoreOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly shards: number
  /** What only the doors and the supervisor know; asked at each `status`. */
  readonly outside: () => OutsideOfCore
  /** A fault that was contained (a command that threw, a queue set aside): for the log. */
  readonly onFault: (where: string, error: SkeinError) => void
}

const catalogShard: Shard = 0

export class NodeCore implements Fabric {
  readonly broker: Broker
  readonly admin: Admin
  readonly sessions: Sessions
  private readonly hosts = new Map<Shard, ShardHost>()
  private readonly queues: Queues
  private readonly commit: GroupCommit
  private readonly stallWatch: StallWatch
  private readonly context: HostContext
  private readonly startedMs: number
  private catalog: CatalogActor | undefined

  constructor(private readonly options: NodeCoreOptions) {
    const { journal, clock } = options
    this.commit = new GroupCommit(journal, clock)
    this.sessions = new Sessions(clock)
    this.stallWatch = new StallWatch(clock, (stallMs) => this.stalled(stallMs))
    this.context = {
      journal,
      clock,
      wake: this.commit.wake,
      noticeStall: () => this.stallWatch.beat(),
      commitSoon: this.commit.commitSoon,
    }
    const catalog = () => this.openCatalog()
    this.queues = new Queues(this.hosts, catalog, (host, queue) => this.newQueue(host, queue))
    this.broker = new NodeBroker(this.queues, this.sessions)
    this.admin = new NodeAdmin(catalog, this.queues, {
      status: () => this.status(),
      leastUsedShard: () => this.openCatalog().leastUsedShard(options.shards),
    })
    this.startedMs = clock.monotonicMs()
    this.stallWatch.start()
  }

  /** Claims and replays the shard, and serves it. Resolves with the host, which tells its end. */
  async openShard(shard: Shard): Promise<ShardHost> {
    const opened = await this.options.journal.openShard(shard)
    const host = await ShardHost.open(
      opened,
      {
        replaying: (generation, home) => this.actor(generation, home, undefined),
        restored: (generation, chunks, home) => this.actor(generation, home, chunks),
        generationOf: (key) => generationOfKey(key) ?? catalogGeneration,
      },
      this.context,
    )
    if (shard === catalogShard) this.catalog = this.catalogIn(host)
    this.hosts.set(shard, host)
    await this.eraseDoomed()
    return host
  }

  /** Drains and closes the shard, with a checkpoint; one that has ended already is only forgotten. */
  async closeShard(shard: Shard): Promise<void> {
    const host = this.hosts.get(shard)
    if (host === undefined) return
    if (host.isOpen) {
      await this.commit.drain(host)
      await host.opened.close()
      host.closed(skeinError("ShardUnavailable", `shard ${shardName(shard)} is closed`))
    }
    if (this.hosts.get(shard) === host) this.hosts.delete(shard)
  }

  isShardOpen(shard: Shard): boolean {
    return this.hosts.get(shard)?.isOpen === true
  }

  stop(): void {
    this.stallWatch.stop()
    this.sessions.stop()
  }

  /**
   * What a crash left between the catalog's removal of a queue and its shard's. Shards are opened in
   * any order: each look-up takes the shards that are open, once the catalog is.
   */
  private async eraseDoomed(): Promise<void> {
    if (this.catalog === undefined || !this.isShardOpen(catalogShard)) return
    for (const shard of this.hosts.keys()) {
      for (const queue of this.catalog.doomed(shard)) {
        await this.queues.erase(queue, "the queue was deleted")
      }
    }
  }

  private openCatalog(): CatalogActor {
    if (this.catalog !== undefined && this.hosts.get(catalogShard)?.isOpen) return this.catalog
    throw skeinError("ShardUnavailable", "the catalog's shard is not open", { shard: catalogShard })
  }

  private catalogIn(host: ShardHost): CatalogActor {
    const actor = host.actors.get(catalogGeneration)
    if (actor instanceof CatalogActor) return actor
    const catalog = new CatalogActor(undefined, { wake: () => host.wake(catalog) })
    host.add(catalog)
    return catalog
  }

  private actor(
    generation: number,
    host: ShardHost,
    chunks: readonly { readonly key: string; readonly bytes: Uint8Array }[] | undefined,
  ): CatalogActor | QueueActor {
    if (generation === catalogGeneration) {
      const catalog: CatalogActor = new CatalogActor(chunks, { wake: () => host.wake(catalog) })
      return catalog
    }
    const state = chunks === undefined ? emptyQueue(generation) : restoreQueue(chunks)
    return this.queueActor(host, state)
  }

  private newQueue(host: ShardHost, queue: QueueRef): QueueActor {
    return this.queueActor(host, emptyQueue(queue.generation))
  }

  private queueActor(host: ShardHost, state: ReturnType<typeof emptyQueue>): QueueActor {
    const { opened } = host
    const home = {
      epoch: opened.epoch,
      read: opened.read,
      release: opened.release,
      wake: () => host.wake(actor),
    }
    const where = `${shardName(host.shard)}/${state.generation}`
    const actor = new QueueActor(state, home, (error) => this.options.onFault(where, error))
    return actor
  }

  private stalled(stallMs: number): void {
    this.sessions.stalled(stallMs)
    for (const host of this.hosts.values()) if (host.isOpen) host.stalled(stallMs)
  }

  private status(): NodeStatus {
    const { journal, clock, shards } = this.options
    let shardsOpen = 0
    for (const host of this.hosts.values()) if (host.isOpen) shardsOpen += 1
    return {
      ...this.options.outside(),
      uptimeMs: Math.round(clock.monotonicMs() - this.startedMs),
      shards,
      shardsOpen,
      queues: this.openCatalog().count(),
      sessions: this.sessions.count,
      journal: journal.status(),
    }
  }
}
