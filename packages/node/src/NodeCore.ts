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
import {
  type ActorFactory,
  type FabricMap,
  GroupCommit,
  type HostContext,
  LoadSampler,
  Moves,
  type MovesOptions,
  ShardHost,
  type ShardMeter,
  type WarmHost,
} from "@skein/cluster"
import {
  type Failpoints,
  type FollowedShard,
  type Journal,
  noFailpoints,
  type OpenedShard,
} from "@skein/journal"
import {
  asSkeinError,
  type Clock,
  type Generation,
  limits,
  type QueueRef,
  type Shard,
  type SkeinError,
  shardName,
  skeinError,
} from "@skein/model"
import type { ShardLoad } from "@skein/placement"
import {
  catalogGeneration,
  digest,
  emptyQueue,
  generationOfKey,
  type StateChunk,
} from "@skein/queue"
import type {
  Admin,
  Broker,
  ClientList,
  ClusterStatus,
  ConnectedClient,
  Fabric,
  NodeStatus,
  QueueUse,
  TreeEntry,
} from "@skein/wire"
import { Arrivals } from "./Arrivals.js"
import { CatalogActor } from "./CatalogActor.js"
import type { CatalogDoor } from "./CatalogDoor.js"
import { localShards } from "./localShards.js"
import { NodeAdmin } from "./NodeAdmin.js"
import { NodeBroker } from "./NodeBroker.js"
import { QueueActor, type QueueHome } from "./QueueActor.js"
import { Queues } from "./Queues.js"
import type { RemoteShards } from "./RemoteShards.js"
import { Sessions } from "./Sessions.js"
import { StallWatch } from "./StallWatch.js"
import { soleManager } from "./soleManager.js"
import { soleNode } from "./soleNode.js"

export type OutsideOfCore = Omit<
  NodeStatus,
  "journal" | "queues" | "ready" | "sessions" | "shards" | "shardsOpen" | "uptimeMs"
>

/** One connection of the node's port, as the port knows it. */
export type Connected = Omit<ConnectedClient, "node">

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
  /** The fabric as this node knows it. Default: it is the only node. */
  readonly clusterStatus?: () => ClusterStatus
  /** Who has the shards that are not here. Default: this node has all. */
  readonly fabricMap?: FabricMap
  /** How shards move to and from other nodes. Default: not by plan. */
  readonly moves?: MoveOptions
}

/** What planned moves need of the fabric. */
export type MoveOptions = Pick<MovesOptions, "instance" | "onEnd" | "peerOf" | "tokenOf">

/** Who opens and closes the shards of a node among others. */
export type ShardsKeeper = Pick<MovesOptions, "adopt" | "leave">

const catalogShard: Shard = 0

export class NodeCore implements Fabric {
  readonly broker: Broker
  readonly admin: Admin
  readonly sessions: Sessions
  /** What other nodes may ask of the shards that are open here. */
  readonly forOthers: RemoteShards
  /** Planned moves from and to this node; other nodes call it. Absent: there are none. */
  readonly moves: Moves | undefined
  private readonly hosts = new Map<Shard, ShardHost>()
  /** Shards whose stored data is damaged: they stay closed, and no waiting helps. */
  private readonly damaged = new Map<Shard, SkeinError>()
  private readonly homes = new WeakMap<ShardHost, QueueHome>()
  private readonly queues: Queues
  private readonly arrivals: Arrivals
  private readonly commit: GroupCommit
  private readonly stallWatch: StallWatch
  private readonly context: HostContext
  private readonly startedMs: number
  private readonly sampler: LoadSampler
  private catalog: CatalogActor | undefined
  private remote: RemoteShards | undefined
  private keeper: ShardsKeeper | undefined
  private readonly factory: ActorFactory = {
    replaying: (generation, host) => this.actor(generation, host, undefined),
    restored: (generation, chunks, host) => this.actor(generation, host, chunks),
    generationOf: (key) => generationOfKey(key) ?? catalogGeneration,
  }
  private forgetFabric: () => void = () => {}
  private connected: () => readonly Connected[] = () => []

  constructor(private readonly options: NodeCoreOptions) {
    const { journal, clock, fabricMap, clusterStatus = () => soleNode(this.status()) } = options
    this.commit = new GroupCommit(journal, clock)
    this.sampler = new LoadSampler(clock, () => this.meters())
    this.sessions = new Sessions(clock, () => this.stallWatch.beat())
    this.stallWatch = new StallWatch(clock, (stallMs) => this.stalled(stallMs))
    this.context = {
      journal,
      clock,
      wake: this.commit.wake,
      noticeStall: () => this.stallWatch.beat(),
      commitSoon: this.commit.commitSoon,
      movedTo: (shard) => this.queues.movedTo(shard),
      onFault: (host, error) => options.onFault(shardName(host.shard), error),
    }
    this.arrivals = new Arrivals(clock)
    this.queues = new Queues({
      hosts: this.hosts,
      damaged: this.damaged,
      catalog: () => this.catalogDoor(),
      create: (host, queue) => this.newQueue(host, queue),
      arrivals: this.arrivals,
      fabric: fabricMap,
      moves: () => this.moves,
    })
    this.broker = new NodeBroker(this.queues, this.sessions)
    this.admin = new NodeAdmin(
      () => this.catalogDoor(),
      this.queues,
      (queue, why) => this.erase(queue, why),
      () => this.status(),
      clusterStatus,
      soleManager(() => this.status()),
      () => this.clientList(),
      () => this.loads(),
    )
    this.forOthers = localShards(
      () => this.openCatalog(),
      (queue, why) => this.queues.erase(queue, why),
    )
    if (fabricMap !== undefined) this.follow(fabricMap)
    this.moves =
      fabricMap === undefined || options.moves === undefined
        ? undefined
        : this.newMoves(fabricMap, options.moves)
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
      if (error._tag === "ShardCorrupt") {
        this.damaged.set(shard, damagedShard(shard))
        this.reviewArrivals()
      }
      throw error
    }
  }

  private async openHost(shard: Shard): Promise<ShardHost> {
    const host = (await this.moves?.take(shard)) ?? (await this.openStored(shard))
    if (shard === catalogShard) this.catalog = this.catalogIn(host)
    this.hosts.set(shard, host)
    this.moves?.served(shard)
    this.arrivals.arrived(shard)
    // Either of the two may be opened last.
    if (shard === catalogShard) await this.eraseAllDoomed()
    else if (this.catalogIsHere) await this.eraseDoomed(shard)
    // A call to another node holds up no opening.
    else if (this.remote !== undefined) void this.eraseDoomed(shard)
    return host
  }

  private async openStored(shard: Shard): Promise<ShardHost> {
    const opened = await this.options.journal.openShard(shard)
    if (opened.tornBytes > 0) {
      const text = `${opened.tornBytes} bytes of an unfinished write were cut; none was confirmed`
      this.options.onNotice?.(shardName(shard), text)
    }
    const host = await this.hostOf(opened)
    this.failpoints.hit("takeover.opened")
    return host
  }

  private async hostOf(opened: OpenedShard): Promise<ShardHost> {
    try {
      return await ShardHost.open(opened, this.factory, this.context)
    } catch (cause) {
      if (asSkeinError(cause)._tag !== "ShardCorrupt") throw cause
      // Now the journal knows which checkpoint is damaged: the one before it may do, with the log.
      const again = await this.options.journal.openShard(opened.shard)
      return ShardHost.open(again, this.factory, this.context)
    }
  }

  private get failpoints(): Failpoints {
    return this.options.journal.failpoints ?? noFailpoints
  }

  private newMoves(fabric: FabricMap, options: MoveOptions): Moves {
    const { clock, journal } = this.options
    return new Moves({
      ...options,
      clock,
      fabric,
      hostOf: (shard) => {
        const host = this.hosts.get(shard)
        return host?.isServing ? host : undefined
      },
      drain: (host) => this.commit.drain(host),
      follow: journal.follow,
      warm: (followed) => this.warm(followed),
      adopt: (shard) => this.keeper?.adopt(shard),
      leave: (shard) => this.keeper?.leave(shard),
      onChange: () => this.reviewArrivals(),
      failpoints: this.failpoints,
    })
  }

  private async warm(followed: FollowedShard): Promise<WarmHost> {
    const host = await ShardHost.follow(followed, this.factory, this.context)
    return {
      host,
      catchUp: () => host.catchUp(followed.catchUp(), this.factory),
      takeOver: async (epoch) => host.takeOver(await followed.open(epoch), this.factory),
    }
  }

  /** Who opens shards that come by a planned move. */
  keptBy(keeper: ShardsKeeper): void {
    this.keeper = keeper
  }

  /** Gives this node its way to shards that are open elsewhere. */
  reachOthers(remote: RemoteShards): void {
    this.remote = remote
  }

  /** Gives this node the connections that its port has, for `admin.clients`. */
  showConnections(connected: () => readonly Connected[]): void {
    this.connected = connected
  }

  /** Deletes a queue that the catalog has removed, where its shard is. Can be repeated. */
  private erase(queue: QueueRef, why: string): Promise<void> {
    const { remote } = this
    if (remote === undefined || this.queues.movedTo(queue.shard) === undefined) {
      return this.queues.erase(queue, why)
    }
    return remote.erase(queue, why)
  }

  /**
   * Drains and closes the shard, with a checkpoint; one that has ended already is only forgotten.
   */
  async closeShard(shard: Shard): Promise<void> {
    await this.moves?.takeBack(shard, "the shard is being closed")
    const host = this.hosts.get(shard)
    if (host === undefined) return
    const why =
      this.queues.movedTo(shard) ??
      skeinError("ShardUnavailable", `shard ${shardName(shard)} is closed`, { shard })
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

  /** What the open shards did since the last sample, which was about a second ago. */
  loads(): readonly ShardLoad[] {
    return this.sampler.loads()
  }

  private *meters(): Iterable<readonly [Shard, ShardMeter]> {
    for (const [shard, host] of this.hosts) if (host.isOpen) yield [shard, host.meter]
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
    void this.moves?.stop()
    this.forgetFabric()
    this.arrivals.close()
    this.stallWatch.stop()
    this.sessions.stop()
  }

  /**
   * What a crash left between the catalog's removal and the shard's. A failure leaves it to the
   * next opening: the catalog knows the doomed until their shard has deleted them.
   */
  private async eraseDoomed(shard: Shard): Promise<void> {
    if (!this.catalogIsHere && this.remote === undefined) return
    try {
      for (const queue of await this.catalogDoor().doomed(shard)) {
        await this.erase(queue, "the queue was deleted")
      }
    } catch (cause) {
      const error = asSkeinError(cause)
      // The catalog is being opened, here or elsewhere: it asks about every shard when it is up.
      if (!error.retryable) this.options.onFault(shardName(shard), error)
    }
  }

  /** The catalog has come here: shards that were opened before it, on any node, could not ask. */
  private async eraseAllDoomed(): Promise<void> {
    for (let shard = 0; shard < this.options.shards; shard++) {
      if (this.hosts.get(shard)?.isServing) await this.eraseDoomed(shard)
      else if (this.remote !== undefined && this.queues.movedTo(shard) !== undefined) {
        void this.eraseDoomed(shard)
      }
    }
  }

  private follow(fabricMap: FabricMap): void {
    this.forgetFabric = fabricMap.onChange(() => this.reviewArrivals())
  }

  private reviewArrivals(): void {
    this.arrivals.review((shard) =>
      this.queues.isComing(shard) ? undefined : this.queues.absence(shard),
    )
  }

  private get catalogIsHere(): boolean {
    return this.catalog !== undefined && this.hosts.get(catalogShard)?.isOpen === true
  }

  private catalogDoor(): CatalogDoor {
    const elsewhere = !this.catalogIsHere && this.queues.movedTo(catalogShard) !== undefined
    return this.remote !== undefined && elsewhere ? this.remote.catalog : this.openCatalog()
  }

  private openCatalog(): CatalogActor {
    if (this.catalog !== undefined && this.catalogIsHere) return this.catalog
    const unavailable = "the catalog's shard is not open"
    throw (
      this.damaged.get(catalogShard) ??
      this.queues.movedTo(catalogShard) ??
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
    const home: QueueHome = {
      // A shard that is only followed is not open yet.
      get epoch() {
        return host.opened.epoch
      },
      read: (key, location, bytes) => host.opened.read(key, location, bytes),
      release: (location, bytes, key) => host.release(location, bytes, key),
      admit: () => host.admit(),
      sessionLease: (session) => this.sessions.leaseOf(session),
      adoptSession: (session, lease, holder) => this.sessions.adopt(session, lease, holder),
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

  private clientList(): ClientList {
    const { node } = this.options.outside()
    const rows = this.connected()
    const named = (use: QueueUse): QueueUse => {
      const actor = this.hosts.get(use.shard)?.actors.get(use.generation)
      return actor instanceof QueueActor ? { ...use, name: actor.state.name } : use
    }
    const clients = rows.slice(0, limits.clientRowsMax).map((row) => ({
      ...{ node, ...row },
      publishes: row.publishes.map(named),
      consumes: row.consumes.map(named),
    }))
    return { clients, more: rows.length - clients.length, silent: [] }
  }

  private status(): NodeStatus {
    const { journal, clock, shards } = this.options
    let shardsOpen = 0
    for (const host of this.hosts.values()) if (host.isOpen) shardsOpen += 1
    const outside = this.options.outside()
    const own = this.options.clusterStatus?.().nodes.find(({ node }) => node === outside.node)
    return {
      ...outside,
      ready: this.options.clusterStatus === undefined || own?.state === "serving",
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
