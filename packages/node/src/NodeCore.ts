/**
 * Owns: one node without its doors: the open shards, the group commit, sessions, and both ports
 * over them. Plain TypeScript over ports (journal, clock), so that a simulator can run it;
 * `Node.ts` puts it under supervision.
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
  type Generation,
  type QueueRef,
  type Shard,
  type SkeinError,
  shardName,
  skeinError,
} from "@skein/model"
import {
  catalogGeneration,
  digest,
  emptyQueue,
  generationOfKey,
  type StateChunk,
} from "@skein/queue"
import type { Admin, Broker, Fabric, NodeStatus, TreeEntry } from "@skein/wire"
import { asSkeinError } from "./asSkeinError.js"
import { CatalogActor } from "./CatalogActor.js"
import { NodeAdmin } from "./NodeAdmin.js"
import { NodeBroker } from "./NodeBroker.js"
import { QueueActor, type QueueHome } from "./QueueActor.js"
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
  /** What an operator should know and nobody has to act on. Default: it is not told. */
  readonly onNotice?: (where: string, text: string) => void
}

const catalogShard: Shard = 0

export class NodeCore implements Fabric {
  readonly broker: Broker
  readonly admin: Admin
  readonly sessions: Sessions
  private readonly hosts = new Map<Shard, ShardHost>()
  /** Shards whose stored data is damaged: they stay closed, and no waiting helps. */
  private readonly damaged = new Map<Shard, SkeinError>()
  private readonly homes = new WeakMap<ShardHost, QueueHome>()
  private readonly queues: Queues
  private readonly commit: GroupCommit
  private readonly stallWatch: StallWatch
  private readonly context: HostContext
  private readonly startedMs: number
  private catalog: CatalogActor | undefined

  constructor(private readonly options: NodeCoreOptions) {
    const { journal, clock } = options
    this.commit = new GroupCommit(journal, clock)
    this.sessions = new Sessions(clock, () => this.stallWatch.beat())
    this.stallWatch = new StallWatch(clock, (stallMs) => this.stalled(stallMs))
    this.context = {
      journal,
      clock,
      wake: this.commit.wake,
      noticeStall: () => this.stallWatch.beat(),
      commitSoon: this.commit.commitSoon,
      onFault: (host, error) => options.onFault(shardName(host.shard), error),
    }
    const catalog = () => this.openCatalog()
    const create = (host: ShardHost, queue: QueueRef) => this.newQueue(host, queue)
    this.queues = new Queues(this.hosts, this.damaged, catalog, create)
    this.broker = new NodeBroker(this.queues, this.sessions)
    this.admin = new NodeAdmin(catalog, this.queues, () => this.status())
    this.startedMs = clock.monotonicMs()
    this.stallWatch.start()
  }

  /** Claims and replays the shard, and serves it. Resolves with the host, which tells its end. */
  async openShard(shard: Shard): Promise<ShardHost> {
    try {
      const host = await this.openHost(shard)
      this.damaged.delete(shard)
      return host
    } catch (cause) {
      const error = asSkeinError(cause)
      if (error._tag === "ShardCorrupt") this.damaged.set(shard, damagedShard(shard))
      throw error
    }
  }

  private async openHost(shard: Shard): Promise<ShardHost> {
    const opened = await this.options.journal.openShard(shard)
    if (opened.tornBytes > 0) {
      const text = `${opened.tornBytes} bytes of an unfinished write were cut; none was confirmed`
      this.options.onNotice?.(shardName(shard), text)
    }
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
    // Either of the two may be opened last.
    if (shard === catalogShard) for (const open of this.hosts.keys()) await this.eraseDoomed(open)
    else await this.eraseDoomed(shard)
    return host
  }

  /**
   * Drains and closes the shard, with a checkpoint; one that has ended already is only forgotten.
   */
  async closeShard(shard: Shard): Promise<void> {
    const host = this.hosts.get(shard)
    if (host === undefined) return
    const why = skeinError("ShardUnavailable", `shard ${shardName(shard)} is closed`, { shard })
    try {
      host.retire()
      await this.commit.drain(host)
      // One that was lost meanwhile has no say in what is stored any more.
      if (host.isOpen) await host.opened.close()
    } finally {
      host.closed(why)
      if (this.hosts.get(shard) === host) this.hosts.delete(shard)
      this.sessions.forgetClosed()
    }
  }

  isShardOpen(shard: Shard): boolean {
    return this.hosts.get(shard)?.isOpen === true
  }

  /** Fetches that wait, on all open queues. */
  get waitingFetches(): number {
    let count = 0
    for (const host of this.hosts.values()) {
      for (const actor of host.actors.values()) {
        if (actor instanceof QueueActor) count += actor.waitingFetches
      }
    }
    return count
  }

  /** The queues of a shard that are here, each with the digest of its durable facts as of now. */
  digests(shard: Shard): ReadonlyMap<Generation, string> {
    const digests = new Map<Generation, string>()
    for (const actor of this.hosts.get(shard)?.actors.values() ?? []) {
      if (actor instanceof QueueActor) digests.set(actor.generation, digest(actor.state))
    }
    return digests
  }

  stop(): void {
    this.stallWatch.stop()
    this.sessions.stop()
  }

  /**
   * What a crash left between the catalog's removal and the shard's. A failure leaves it to the
   * next opening: the catalog knows the doomed until their shard has deleted them.
   */
  private async eraseDoomed(shard: Shard): Promise<void> {
    if (!this.hosts.get(catalogShard)?.isServing || !this.hosts.get(shard)?.isServing) return
    try {
      for (const queue of this.openCatalog().doomed(shard)) {
        await this.queues.erase(queue, "the queue was deleted")
      }
    } catch (cause) {
      this.options.onFault(shardName(shard), asSkeinError(cause))
    }
  }

  private openCatalog(): CatalogActor {
    if (this.catalog !== undefined && this.hosts.get(catalogShard)?.isOpen) return this.catalog
    const unavailable = "the catalog's shard is not open"
    throw (
      this.damaged.get(catalogShard) ??
      skeinError("ShardUnavailable", unavailable, { shard: catalogShard })
    )
  }

  private catalogIn(host: ShardHost): CatalogActor {
    const actor = host.actors.get(catalogGeneration)
    if (actor instanceof CatalogActor) return actor
    const catalog = this.newCatalog(host, undefined)
    host.add(catalog)
    return catalog
  }

  private newCatalog(host: ShardHost, chunks: readonly StateChunk[] | undefined): CatalogActor {
    const catalog: CatalogActor = new CatalogActor(chunks, {
      shards: this.options.shards,
      wake: () => host.wake(catalog),
      onFault: (error) => this.options.onFault("catalog", error),
    })
    return catalog
  }

  private actor(
    generation: number,
    host: ShardHost,
    chunks: readonly StateChunk[] | undefined,
  ): CatalogActor | QueueActor {
    if (generation === catalogGeneration) return this.newCatalog(host, chunks)
    if (chunks !== undefined) return QueueActor.restored(generation, chunks, this.home(host))
    return new QueueActor(emptyQueue(generation), this.home(host))
  }

  private newQueue(host: ShardHost, queue: QueueRef): QueueActor {
    return new QueueActor(emptyQueue(queue.generation), this.home(host))
  }

  /** One for all actors of the host: ten thousand of them cost nothing here. */
  private home(host: ShardHost): QueueHome {
    const known = this.homes.get(host)
    if (known !== undefined) return known
    const { opened } = host
    const home: QueueHome = {
      epoch: opened.epoch,
      read: opened.read,
      release: opened.release,
      wake: (actor) => host.wake(actor),
      onFault: (generation, error) =>
        this.options.onFault(`${shardName(host.shard)}/${generation}`, error),
    }
    this.homes.set(host, home)
    return home
  }

  private stalled(stallMs: number): void {
    this.sessions.stalled(stallMs)
    for (const host of this.hosts.values()) if (host.isOpen) host.stalled(stallMs)
  }

  /** Queues that are set aside, as rows below their shards. */
  private asideRows(): TreeEntry[] {
    const rows: TreeEntry[] = []
    for (const host of this.hosts.values()) {
      for (const actor of host.actors.values()) {
        if (!(actor instanceof QueueActor) || actor.quarantined === undefined) continue
        const path = `node/shards/${shardName(host.shard)}/${actor.state.name}`
        const lastCause = actor.quarantined.detail
        rows.push({ path, state: "quarantined", restarts: 0, lastCause })
      }
    }
    return rows
  }

  private status(): NodeStatus {
    const { journal, clock, shards } = this.options
    let shardsOpen = 0
    for (const host of this.hosts.values()) if (host.isOpen) shardsOpen += 1
    const outside = this.options.outside()
    return {
      ...outside,
      tree: [...outside.tree, ...this.asideRows()],
      uptimeMs: Math.round(clock.monotonicMs() - this.startedMs),
      shards,
      shardsOpen,
      // As last known: a catalog that is closed is no reason to tell nothing.
      queues: this.catalog?.count() ?? 0,
      sessions: this.sessions.count,
      journal: journal.status(),
    }
  }
}

/** As clients hear it: where the damage lies is for the node's log and its status. */
const damagedShard = (shard: Shard): SkeinError =>
  skeinError(
    "ShardCorrupt",
    `the stored data of shard ${shardName(shard)} is damaged: it stays closed, the others serve`,
    { shard },
  )
