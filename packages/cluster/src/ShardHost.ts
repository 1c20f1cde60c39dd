/**
 * Owns: one open shard on this node: its actors, the record they gather, its timer. Everything that
 * the actors decide goes into one record; replies leave when that record's commit is durable.
 * Must not know: what actors are, how the journal stores, the network.
 *
 * Order of a record's life: turns add to it -> sealed (actors hand out what is ready) -> `take`n by
 * the node's group commit -> `stored`: frames get their places -> `answer`: waiters are
 * released in order.
 * Interleavings: turns go on while a commit is in flight, on a new record; its waiters are released
 * later, so a reply never overtakes what it rests on. A checkpoint closes the open record first, so
 * that the state it shows equals a whole number of records, durable or not yet.
 * Planned moves: `park` (mailboxes fill, nothing is decided) -> the group commit's `drain` ->
 * `handOver` (one last record) -> the token goes -> `closed` with Moved; before the token goes
 * `resume` takes it back. At the target `follow` and `catchUp` replay without a claim, `takeOver`
 * reads the rest and serves if every actor ends with what its former owner had.
 * Backups: `beginCut` packs the state at a record's end; frames that die while it is read are held.
 * Fairness: an actor with work left goes behind the others of its shard.
 * Shutdown: `retire` (no new requests, no timer) -> the group commit's `drain` (the last record is
 * committed) -> the journal's checkpoint -> `closed`.
 */
import type {
  CheckpointDelta,
  Chunk,
  CommitResult,
  FollowedShard,
  FrameKey,
  Journal,
  Location,
  OpenedShard,
  ReplayedRecord,
  ShardAppend,
  ShardRecord,
  ShardTenant,
} from "@skein/journal"
import {
  type Clock,
  type Generation,
  invariant,
  limits,
  type Now,
  type Shard,
  type SkeinError,
  shardName,
  skeinError,
} from "@skein/model"
import { Breath } from "./Breath.js"
import { ShardCut } from "./backup/ShardCut.js"
import { type Deferred, deferred } from "./Deferred.js"
import { clockKey, decodeClock, encodeClock } from "./HostClock.js"
import { outcomeUnknown, stillMoving } from "./hostErrors.js"
import { ShardMeter } from "./load/ShardMeter.js"
import { OpenRecord } from "./OpenRecord.js"
import { RecordQueue } from "./RecordQueue.js"
import { decodeSections, encodeSections, type Section } from "./RecordSections.js"
import type { ShardActor } from "./ShardActor.js"

/** Makes the actor of a generation: empty for replay, or from the chunks of a checkpoint. */
export interface ActorFactory {
  /** Whose chunk of a checkpoint it is. */
  readonly generationOf: (key: string) => Generation
  readonly replaying: (generation: Generation, host: ShardHost) => ShardActor
  readonly restored: (
    generation: Generation,
    chunks: readonly { readonly key: string; readonly bytes: Uint8Array }[],
    host: ShardHost,
  ) => ShardActor
}

/** What a host needs of the node around it. */
export interface HostContext {
  readonly journal: Journal
  readonly clock: Clock
  /** The host has something to do: give it a turn soon. */
  readonly wake: (host: ShardHost) => void
  /** Asked before anything expires: a stall of the node is made known first (`stalled`). */
  readonly noticeStall: () => void
  /** Its record waits to be committed. */
  readonly commitSoon: (host: ShardHost) => void
  /** Moved, naming the node that has the shard now; `undefined`: it is not known. */
  readonly movedTo?: (shard: Shard) => SkeinError | undefined
  /** A fault that was contained: the host goes on. */
  readonly onFault: (host: ShardHost, error: SkeinError) => void
}

export class ShardHost implements ShardTenant {
  readonly actors = new Map<Generation, ShardActor>()
  readonly meter = new ShardMeter()
  private readonly ready = new Set<ShardActor>()
  /** Since when `ready` has held somebody; what is left after a turn counts from there. */
  private readySinceMs = 0
  private readonly records = new RecordQueue()
  /** Deleted since the last checkpoint. */
  private erased: ShardActor[] = []
  /**
   * Events of the records since the last checkpoint, for actors that are set aside: as bounded as
   * what the journal keeps of a shard between checkpoints, without its frames.
   */
  private sinceCheckpoint: Uint8Array[] = []
  /** The last record whose frames the actors know the places of. */
  private placedUpTo = 0
  private journalMs = 0
  private recordNumber = 0
  private armedMs = Number.POSITIVE_INFINITY
  private disarm: () => void = () => {}
  private ended: SkeinError | undefined
  private retired = false
  private readonly whenClosed = deferred<SkeinError>()

  private parked: Parked | undefined
  /** A backup reads the shard as it was; there is one at most. */
  private cut: ShardCut | undefined
  private cuts = 0
  /** Absent while it is only followed. */
  private held: OpenedShard | undefined
  /** Frames that died while it was followed. */
  private died: [Location, number][] = []

  private constructor(
    readonly shard: Shard,
    private readonly context: HostContext,
  ) {}

  /** Replays the shard and says `open` to each actor. Serves when its first commit is durable. */
  static async open(
    opened: OpenedShard,
    factory: ActorFactory,
    context: HostContext,
  ): Promise<ShardHost> {
    const host = new ShardHost(opened.shard, context)
    host.held = opened
    await host.restore(opened.checkpoint, factory)
    await host.catchUp(opened.records, factory)
    host.placedUpTo = host.recordNumber
    opened.attach(host)
    await host.announce((actor, record) => actor.open(record))
    return host
  }

  /** What another owner has stored so far; it does not serve. */
  static async follow(
    followed: FollowedShard,
    factory: ActorFactory,
    context: HostContext,
  ): Promise<ShardHost> {
    const host = new ShardHost(followed.shard, context)
    await host.restore(followed.checkpoint, factory)
    return host
  }

  /** Replays further records of a shard that is followed. */
  async catchUp(records: AsyncIterable<ReplayedRecord>, factory: ActorFactory): Promise<void> {
    const breath = new Breath(this.context.clock)
    for await (const record of records) {
      this.replayRecord(record, factory)
      await breath.taken()
    }
  }

  /**
   * The token has come: reads the rest, and serves when its first commit is durable. `false`: what
   * is here is not what the former owner handed over; nothing was written.
   */
  async takeOver(opened: OpenedShard, factory: ActorFactory): Promise<boolean> {
    // The owner's cleaner went on meanwhile: where frames lie now is told before anything else.
    for (const frame of opened.checkpoint.placements) this.relocate(frame, frame.location)
    for (const [location, bytes] of this.died) opened.release(location, bytes)
    this.died = []
    await this.catchUp(opened.records, factory)
    for (const actor of this.actors.values()) if (!actor.isHandedOver()) return false
    this.held = opened
    this.placedUpTo = this.recordNumber
    for (const [location, bytes] of this.died) opened.release(location, bytes)
    this.died = []
    opened.attach(this)
    await this.announce((actor, record) => actor.receive(record))
    return true
  }

  /** Absent while it is only followed. */
  get opened(): OpenedShard {
    invariant(this.held !== undefined, "a shard that is only followed is written to")
    return this.held
  }

  /** No message of the frame is left. */
  release(location: Location, bytes: number, key?: FrameKey): void {
    if (key !== undefined && this.cut?.holds(key, location, bytes)) return
    // Those of a shard that is followed are given back once it is open.
    if (this.held === undefined) this.died.push([location, bytes])
    else this.held.release(location, bytes)
  }

  /** Resolves with the reason when the host has ended. */
  get closedBecause(): Promise<SkeinError> {
    return this.whenClosed.promise
  }

  get isOpen(): boolean {
    return this.ended === undefined
  }

  /** Open, and not about to be closed: new requests are taken. */
  get isServing(): boolean {
    return this.ended === undefined && !this.retired
  }

  /** It will be closed: what is here is still worked off, nothing falls due any more. */
  retire(): void {
    this.retired = true
    this.cut?.end("the shard is being closed")
    this.disarm()
  }

  /**
   * Nothing is decided from now on; what comes waits in the mailboxes, for `limits.parkedMs` and
   * `limits.parkedRequestsMax`. Nothing falls due meanwhile.
   */
  park(): void {
    if (this.parked !== undefined || this.ended !== undefined) return
    this.cut?.end("the shard is moving")
    const { clock } = this.context
    const over = deferred()
    over.promise.catch(() => {})
    const stop = clock.setTimer(limits.parkedMs, () => this.shed())
    this.parked = { sinceMs: clock.monotonicMs(), over, stop, requests: 0, isLate: false }
    this.disarm()
    this.armedMs = Number.POSITIVE_INFINITY
  }

  /** The last record before the token goes. Resolves when it is durable and the token was seen. */
  async handOver(): Promise<void> {
    const { parked } = this
    if (this.ended !== undefined) throw this.ended
    invariant(parked !== undefined && this.records.isEmpty, "a shard at work is handed over")
    const pausedMs = this.context.clock.monotonicMs() - parked.sinceMs
    const { promise, resolve, reject } = deferred()
    try {
      this.each((actor, record) => actor.handOver(record, pausedMs))
      this.openRecord().wait({ release: resolve, fail: reject })
    } finally {
      // Also when it failed half way: a hand-over that nobody follows means nothing.
      this.context.commitSoon(this)
    }
    return promise
  }

  /** Goes on as the owner, as if nothing had happened. */
  resume(): void {
    const { parked } = this
    if (parked === undefined || this.ended !== undefined) return
    this.endParking()
    const pausedMs = this.context.clock.monotonicMs() - parked.sinceMs
    for (const actor of this.actors.values()) {
      actor.resume()
      if (actor.dueMs() !== Number.POSITIVE_INFINITY) actor.tick(pausedMs)
      this.wake(actor)
    }
    parked.over.resolve()
  }

  /** One more request comes while it is parked; why it cannot wait, if so. */
  admit(): SkeinError | undefined {
    const { parked } = this
    if (parked === undefined) return undefined
    if (parked.isLate || parked.requests >= limits.parkedRequestsMax) return stillMoving(this.shard)
    parked.requests += 1
    return undefined
  }

  private shed(): void {
    if (this.parked === undefined) return
    this.parked.isLate = true
    const why = stillMoving(this.shard)
    for (const actor of this.actors.values()) actor.shed(why)
  }

  private endParking(): void {
    this.parked?.stop()
    this.parked = undefined
  }

  /**
   * The shard as it is now, for a backup, in place of the cut before. Resolves when all of it is
   * durable and the token was seen.
   */
  async beginCut(): Promise<ShardCut> {
    if (this.ended !== undefined) throw this.ended
    if (this.parked !== undefined) throw stillMoving(this.shard)
    this.cut?.end("another backup of the shard has begun")
    this.seal()
    const { recordNumber, journalMs } = this
    const at = { id: `${this.opened.epoch}.${++this.cuts}`, recordNumber, journalMs }
    const clock = { key: clockKey, bytes: encodeClock(journalMs) }
    const cut = new ShardCut(this, this.context.clock, at, clock)
    const durable = deferred()
    this.cut = cut
    this.openRecord().wait({ release: durable.resolve, fail: durable.reject })
    this.context.commitSoon(this)
    await durable.promise
    return cut
  }

  /** The cut of that name, if it is still held. */
  cutNamed(id: string): ShardCut | undefined {
    return this.cut?.head.id === id ? this.cut : undefined
  }

  /** Puts an actor into the shard. Its first events create it durably. */
  add(actor: ShardActor): void {
    invariant(!this.actors.has(actor.generation), "an actor of this generation is there already")
    this.actors.set(actor.generation, actor)
  }

  /**
   * Takes the actor out. Resolves when it is durable that it is not there, also when it was not;
   * rejects when that cannot be told: the shard has to be opened again first.
   */
  remove(generation: Generation, why: SkeinError): Promise<void> {
    if (this.ended !== undefined) return Promise.reject(this.ended)
    if (this.parked !== undefined) {
      return this.parked.over.promise.then(() => this.remove(generation, why))
    }
    const { promise, resolve, reject } = deferred()
    const record = this.openRecord()
    const actor = this.actors.get(generation)
    if (actor !== undefined) {
      this.ready.delete(actor)
      record.actors.delete(actor)
      record.deleted.push(actor)
      actor.close(why)
      this.forget(actor)
    }
    record.wait({ release: resolve, fail: reject })
    this.context.commitSoon(this)
    return promise
  }

  /** Takes back an actor of whose creation nothing was journaled. */
  discard(actor: ShardActor): void {
    if (this.actors.get(actor.generation) !== actor) return
    this.actors.delete(actor.generation)
    this.ready.delete(actor)
    this.records.open?.actors.delete(actor)
  }

  /** The actor's mailbox has something in it. */
  wake(actor: ShardActor): void {
    if (this.ended !== undefined) return
    if (this.ready.size === 0) this.readySinceMs = this.context.clock.monotonicMs()
    this.ready.add(actor)
    this.context.wake(this)
  }

  /** Works off mailboxes until done or `deadlineMs`; answers whether something is left. */
  turn(deadlineMs: number): boolean {
    if (this.ended !== undefined || this.parked !== undefined) return false
    const record = this.openRecord(this.readySinceMs)
    record.begin(this.now(), deadlineMs)
    this.readySinceMs = record.now.monotonicMs
    for (const actor of this.ready) {
      if (record.spent()) break
      record.actors.add(actor)
      this.ready.delete(actor)
      if (actor.work(record)) this.ready.add(actor)
    }
    this.context.commitSoon(this)
    return this.ready.size > 0 && !record.full()
  }

  /** Takes what is to be committed now; `undefined` when there is nothing. */
  take(): ShardAppend | undefined {
    if (this.ended !== undefined) return undefined
    this.seal()
    const records = this.records.take()
    if (records === undefined) return undefined
    if (this.ready.size > 0) this.context.wake(this)
    return { shard: this.shard, epoch: this.opened.epoch, records }
  }

  /** The commit's answer. The frames get their places now, the waiters are released by `answer`. */
  stored(result: CommitResult): void {
    const records = this.records.answered()
    if (records === undefined) return
    for (const record of records) this.context.journal.unreserve(record.reserved)
    if (result._tag !== "Committed") {
      const why =
        result._tag === "Refused"
          ? result.error
          : skeinError("Moved", `shard ${shardName(this.shard)} has another owner`)
      failAll(records, outcomeUnknown(this.toCallers(why)))
      return this.closed(why)
    }
    this.placedUpTo = result.recordNumber
    this.records.keep(records)
    let at = 0
    for (const record of records) {
      for (const frame of record.frames) {
        this.place(frame, result.locations[at], frame.bytes.length)
        at += 1
      }
    }
  }

  /**
   * Releases, in order, everybody who waited for what is durable now. One that throws is no reason
   * to leave the others without an answer, nor to close the shard: nothing of its state is touched.
   */
  answer(nowMs: number): void {
    let fault: { readonly cause: unknown } | undefined
    const { meter } = this
    for (const record of this.records.release()) {
      const { messages, bytes, frames } = record
      meter.messages += messages
      meter.bytes += bytes
      if (frames.length > 0) {
        meter.confirmed(nowMs - record.sinceMs, frames.length)
      }
      for (const waiter of record.waiters) {
        try {
          waiter.release()
        } catch (cause) {
          fault ??= { cause }
        }
      }
    }
    if (fault !== undefined) this.context.onFault(this, hostFault(fault.cause))
  }

  /** Nothing decided and not yet durable, nothing in a mailbox. */
  get idle(): boolean {
    return this.records.isEmpty && (this.ready.size === 0 || this.parked !== undefined)
  }

  /** The node stood still for `stallMs`: due actors hear of it before anything expires. */
  stalled(stallMs: number): void {
    // The whole pause counts as a stall when it ends.
    if (this.parked !== undefined) return
    for (const actor of this.actors.values()) {
      if (actor.dueMs() !== Number.POSITIVE_INFINITY) this.tickActor(actor, stallMs)
    }
  }

  /** A fault in it ends this host only: the journal takes what is thrown at it for its own. */
  checkpoint(): CheckpointDelta | undefined {
    if (this.ended !== undefined) return undefined
    try {
      return this.changes()
    } catch (cause) {
      this.closed(hostFault(cause))
      return undefined
    }
  }

  private changes(): CheckpointDelta | undefined {
    this.seal()
    this.keepForAside()
    const put: Chunk[] = [{ key: clockKey, bytes: encodeClock(this.journalMs) }]
    const drop: string[] = []
    for (const actor of [...this.actors.values(), ...this.erased]) {
      const delta = actor.checkpoint()
      for (const chunk of delta.put) put.push(chunk)
      for (const key of delta.drop) drop.push(key)
    }
    this.erased = []
    return { recordNumber: this.recordNumber, placedUpTo: this.placedUpTo, put, drop }
  }

  private keepForAside(): void {
    const records = this.sinceCheckpoint
    this.sinceCheckpoint = []
    const aside = [...this.actors.values()].some((actor) => actor.isAside())
    for (const events of aside ? records : []) {
      for (const section of decodeSections(events)) {
        const actor = this.actors.get(section.generation)
        if (actor?.isAside() && section.events.length > 0) actor.keep(section.events)
      }
    }
  }

  locate(key: FrameKey): Location | undefined {
    const held = this.cut?.locate(key)
    return held ?? this.actors.get(key.generation)?.locate(key.first)
  }

  relocate(key: FrameKey, to: Location): void {
    if (!this.cut?.relocate(key, to)) this.actors.get(key.generation)?.relocate(key.first, to)
  }

  damaged(what: SkeinError): void {
    this.context.onFault(this, what)
  }

  closed(why: SkeinError): void {
    if (this.ended !== undefined) return
    this.ended = why
    this.cut?.end("the shard was closed")
    this.disarm()
    const all = this.records.end()
    for (const record of all) this.context.journal.unreserve(record.reserved)
    this.sinceCheckpoint = []
    this.ready.clear()
    const toCallers = this.toCallers(why)
    this.parked?.over.reject(toCallers)
    this.endParking()
    failAll(all, outcomeUnknown(toCallers))
    for (const actor of this.actors.values()) actor.close(toCallers)
    this.actors.clear()
    this.whenClosed.resolve(why)
  }

  /**
   * Why their requests end, as callers hear it. What stops this host need not stop the next one:
   * they may ask again, unless the journal is gone for good.
   */
  private toCallers(why: SkeinError): SkeinError {
    if (why._tag === "Moved" && why.data.address !== undefined) return why
    if (why._tag === "Moved") return this.context.movedTo?.(this.shard) ?? why
    if (why.retryable || why._tag === "FabricClosed") return why
    const detail = `shard ${shardName(this.shard)} was closed: ${why.detail}`
    return skeinError("ShardUnavailable", detail, { shard: this.shard }, { cause: why })
  }

  private async restore(
    checkpoint: OpenedShard["checkpoint"],
    factory: ActorFactory,
  ): Promise<void> {
    this.recordNumber = checkpoint.recordNumber
    const chunks = new Map<Generation, { key: string; bytes: Uint8Array }[]>()
    for await (const chunk of checkpoint.chunks) {
      if (chunk.key === clockKey) {
        this.journalMs = decodeClock(chunk.bytes)
        continue
      }
      const generation = factory.generationOf(chunk.key)
      const list = chunks.get(generation)
      if (list === undefined) chunks.set(generation, [chunk])
      else list.push(chunk)
    }
    for (const [generation, list] of chunks) this.add(factory.restored(generation, list, this))
    for (const frame of checkpoint.placements) this.relocate(frame, frame.location)
  }

  private replayRecord(record: ReplayedRecord, factory: ActorFactory): void {
    invariant(record.recordNumber === this.recordNumber + 1, "records follow without a gap")
    this.recordNumber = record.recordNumber
    this.journalMs = Math.max(this.journalMs, record.journalMs)
    // A copy: the bytes may be a part of a large buffer.
    this.sinceCheckpoint.push(record.events.slice())
    for (const section of decodeSections(record.events)) {
      let actor = this.actors.get(section.generation)
      if (actor === undefined) {
        if (section.deleted) continue
        actor = factory.replaying(section.generation, this)
        this.actors.set(section.generation, actor)
      }
      if (section.events.length > 0) actor.replay(section.events)
      if (section.deleted) this.forget(actor)
    }
    for (const frame of record.frames) this.place(frame, frame.location, frame.bytes)
  }

  /** The actor is deleted: its frames are given back, its chunks go with the next checkpoint. */
  private forget(actor: ShardActor): void {
    this.actors.delete(actor.generation)
    actor.erase()
    this.meter.depth += actor.depthChange()
    this.erased.push(actor)
  }

  /** Tells the frame's actor where it lies; a frame that nobody needs any more is given back. */
  private place(key: FrameKey, location: Location, bytes: number): void {
    const live = this.actors.get(key.generation)?.relocate(key.first, location, bytes) === true
    if (!live) this.release(location, bytes, key)
  }

  /** In records of their own: a shard of a million queues takes several. */
  private each(tell: (actor: ShardActor, record: OpenRecord) => void): void {
    for (const actor of this.actors.values()) {
      if (this.records.open?.full()) this.seal()
      const record = this.openRecord()
      record.begin(this.now(), Number.POSITIVE_INFINITY)
      record.actors.add(actor)
      tell(actor, record)
    }
  }

  /** The new epoch's first record. */
  private announce(tell: (actor: ShardActor, record: OpenRecord) => void): Promise<void> {
    const { promise, resolve, reject } = deferred()
    this.each(tell)
    this.openRecord().wait({ release: resolve, fail: reject })
    this.context.commitSoon(this)
    return promise
  }

  /** Closes the open record: its actors hand out what is ready, its events are encoded. */
  private seal(): void {
    const record = this.records.open
    if (record === undefined) return
    record.begin(this.now(), Number.POSITIVE_INFINITY)
    const sections = this.sealSections(record)
    this.records.seal(record, this.encode(record, sections))
    this.arm(record.actors)
  }

  private encode(record: OpenRecord, sections: readonly Section[]): ShardRecord | undefined {
    if (sections.length === 0) return undefined
    this.recordNumber += 1
    const events = encodeSections(sections)
    this.sinceCheckpoint.push(events)
    return { journalMs: record.now.journalMs, events, frames: record.frames }
  }

  private sealSections(record: OpenRecord): Section[] {
    const sections: Section[] = []
    for (const actor of record.actors) {
      const events = actor.seal(record)
      this.meter.depth += actor.depthChange()
      if (events === undefined) continue
      sections.push({ generation: actor.generation, deleted: false, events })
    }
    for (const actor of record.deleted) {
      sections.push({ generation: actor.generation, deleted: true, events: noEvents })
    }
    return sections
  }

  private openRecord(sinceMs?: number): OpenRecord {
    const { journal, clock } = this.context
    if (this.records.open === undefined) {
      const now = this.now()
      this.records.open = new OpenRecord(journal, clock, now, sinceMs ?? now.monotonicMs)
    }
    return this.records.open
  }

  private now(): Now {
    this.journalMs = Math.max(this.journalMs, this.context.clock.wallMs())
    return { journalMs: this.journalMs, monotonicMs: this.context.clock.monotonicMs() }
  }

  /** One timer for the shard: the earliest of what its actors wait for. */
  private arm(worked: Iterable<ShardActor>): void {
    if (this.retired || this.parked !== undefined) return
    let due = this.armedMs
    for (const actor of worked) due = Math.min(due, actor.dueMs())
    if (due === this.armedMs) return
    this.disarm()
    this.armedMs = due
    const delayMs = Math.max(0, due - this.context.clock.monotonicMs())
    this.disarm = this.context.clock.setTimer(Math.min(delayMs, timerMaxMs), () => this.due())
  }

  private due(): void {
    this.armedMs = Number.POSITIVE_INFINITY
    this.context.noticeStall()
    const nowMs = this.context.clock.monotonicMs()
    const later: ShardActor[] = []
    for (const actor of this.actors.values()) {
      if (actor.dueMs() <= nowMs) this.tickActor(actor, 0)
      else later.push(actor)
    }
    this.arm(later)
  }

  private tickActor(actor: ShardActor, stallMs: number): void {
    actor.tick(stallMs)
    this.wake(actor)
  }
}

/** A shard whose move has reached the point where nothing is decided. */
interface Parked {
  readonly sinceMs: number
  /** Resolves when the shard goes on here, rejects when it is closed. */
  readonly over: Deferred<void>
  readonly stop: () => void
  requests: number
  /** Nobody waits any longer. */
  isLate: boolean
}

/** What went wrong inside of a host: its state cannot be trusted any more. */
export const hostFault = (cause: unknown): SkeinError =>
  skeinError("InternalError", `a shard host met a fault: ${String(cause)}`, {}, { cause })

const failAll = (records: readonly OpenRecord[], why: SkeinError): void => {
  for (const record of records) for (const waiter of record.waiters) waiter.fail(why)
}

const noEvents = new Uint8Array(0)
/** Node's timers overflow beyond 2^31 - 1 ms. */
const timerMaxMs = limits.leaseMaxMs
