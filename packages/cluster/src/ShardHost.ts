/**
 * Owns: one open shard on this node: whose turn it is, the record that its actors gather, its timer
 * and its end; `ShardState` holds what the records amount to. Everything that the actors decide
 * goes into one record; replies leave when that record's commit is durable.
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
  CommitResult,
  FollowedShard,
  FrameKey,
  Location,
  OpenedShard,
  ReplayedRecord,
  ShardAppend,
  ShardRecord,
  ShardTenant,
} from "@skein/journal"
import {
  type Generation,
  invariant,
  type Shard,
  type SkeinError,
  shardName,
  skeinError,
} from "@skein/model"
import { Alarm } from "./Alarm.js"
import { Breath } from "./Breath.js"
import type { ShardCut } from "./backup/ShardCut.js"
import { deferred } from "./Deferred.js"
import type { ActorFactory, HostContext } from "./HostContext.js"
import { endOfHost, hostFault, outcomeUnknown, stillMoving } from "./hostErrors.js"
import { ShardMeter } from "./load/ShardMeter.js"
import { OpenRecord } from "./OpenRecord.js"
import { Parking } from "./Parking.js"
import { RecordQueue } from "./RecordQueue.js"
import type { Section } from "./RecordSections.js"
import type { ShardActor } from "./ShardActor.js"
import { ShardState } from "./ShardState.js"

export class ShardHost implements ShardTenant {
  readonly meter = new ShardMeter()
  private readonly state: ShardState
  private readonly alarm: Alarm
  private readonly ready = new Set<ShardActor>()
  /** Since when `ready` has held somebody; what is left after a turn counts from there. */
  private readySinceMs = 0
  private readonly records = new RecordQueue()
  private parking: Parking | undefined
  private ended: SkeinError | undefined
  private retired = false
  private readonly whenClosed = deferred<SkeinError>()

  private constructor(
    readonly shard: Shard,
    private readonly context: HostContext,
  ) {
    this.state = new ShardState(context.clock, this.meter)
    this.alarm = new Alarm(context.clock, () => this.due())
  }

  /** Replays the shard and says `open` to each actor. Serves when its first commit is durable. */
  static async open(
    opened: OpenedShard,
    factory: ActorFactory,
    context: HostContext,
  ): Promise<ShardHost> {
    const host = new ShardHost(opened.shard, context)
    host.state.opened = opened
    await host.state.restore(opened.checkpoint, factory, host)
    await host.catchUp(opened.records, factory)
    await host.serve(opened, (actor, record) => actor.open(record))
    return host
  }

  /** What another owner has stored so far; it does not serve. */
  static async follow(
    followed: FollowedShard,
    factory: ActorFactory,
    context: HostContext,
  ): Promise<ShardHost> {
    const host = new ShardHost(followed.shard, context)
    await host.state.restore(followed.checkpoint, factory, host)
    return host
  }

  /** Replays further records of a shard that is followed. Rejects when it is closed meanwhile. */
  async catchUp(records: AsyncIterable<ReplayedRecord>, factory: ActorFactory): Promise<void> {
    const breath = new Breath(this.context.clock)
    for await (const record of records) {
      // Its actors are gone: those that the record would make know nothing of what was before.
      if (this.ended !== undefined) throw this.ended
      this.state.replay(record, factory, this)
      await breath.taken()
    }
  }

  /**
   * The token has come: reads the rest, and serves when its first commit is durable. `false`: what
   * is here is not what the former owner handed over; nothing was written.
   */
  async takeOver(opened: OpenedShard, factory: ActorFactory): Promise<boolean> {
    // The owner's cleaner went on meanwhile: where frames lie now is told before anything else.
    this.state.placeAll(opened.checkpoint.placements)
    this.state.giveBackTo(opened)
    await this.catchUp(opened.records, factory)
    for (const actor of this.actors.values()) if (!actor.isHandedOver()) return false
    await this.serve(opened, (actor, record) => actor.receive(record))
    return true
  }

  /** Says the new epoch's first words. */
  private serve(
    opened: OpenedShard,
    say: (actor: ShardActor, record: OpenRecord) => void,
  ): Promise<void> {
    this.state.serve(opened)
    opened.attach(this)
    const { promise, resolve, reject } = deferred()
    this.each(say)
    this.openRecord().wait({ release: resolve, fail: reject })
    this.context.commitSoon(this)
    return promise
  }

  get actors(): ReadonlyMap<Generation, ShardActor> {
    return this.state.actors
  }

  /** Absent while it is only followed. */
  get opened(): OpenedShard {
    const { opened } = this.state
    invariant(opened !== undefined, "a shard that is only followed is written to")
    return opened
  }

  /** No message of the frame is left. */
  release(location: Location, bytes: number, key?: FrameKey): void {
    this.state.release(location, bytes, key)
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
    this.state.cut?.end("the shard is being closed")
    this.alarm.end()
  }

  /**
   * Nothing is decided from now on; what comes waits in the mailboxes, for `limits.parkedMs` and
   * `limits.parkedRequestsMax`. Nothing falls due meanwhile.
   */
  park(): void {
    if (this.parking !== undefined || this.ended !== undefined) return
    this.state.cut?.end("the shard is moving")
    this.parking = new Parking(this.shard, this.context.clock, (why) => {
      for (const actor of this.actors.values()) actor.shed(why)
    })
    this.alarm.clear()
  }

  /** The last record before the token goes. Resolves when it is durable and the token was seen. */
  async handOver(): Promise<void> {
    const { parking } = this
    if (this.ended !== undefined) throw this.ended
    invariant(parking !== undefined && this.records.isEmpty, "a shard at work is handed over")
    const { pausedMs } = parking
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
    const { parking } = this
    if (parking === undefined || this.ended !== undefined) return
    this.parking = undefined
    for (const actor of this.actors.values()) {
      actor.resume()
      if (actor.dueMs() !== Number.POSITIVE_INFINITY) actor.tick(parking.pausedMs)
      this.wake(actor)
    }
    parking.resumed()
  }

  /** One more request comes while it is parked; why it cannot wait, if so. */
  admit(): SkeinError | undefined {
    return this.parking?.admit()
  }

  /**
   * The shard as it is now, for a backup, in place of the cut before. Resolves when all of it is
   * durable and the token was seen.
   */
  async beginCut(): Promise<ShardCut> {
    if (this.ended !== undefined) throw this.ended
    // What is about to close holds nothing for a reader.
    if (this.parking !== undefined || this.retired) throw stillMoving(this.shard)
    this.seal()
    const cut = this.state.cutNow(this.shard, this.context.clock)
    const durable = deferred()
    this.openRecord().wait({ release: durable.resolve, fail: durable.reject })
    this.context.commitSoon(this)
    await durable.promise
    return cut
  }

  /** The cut of that name, if it is still held. */
  cutNamed(id: string): ShardCut | undefined {
    const { cut } = this.state
    return cut?.head.id === id ? cut : undefined
  }

  /** Puts an actor into the shard. Its first events create it durably. */
  add(actor: ShardActor): void {
    this.state.add(actor)
  }

  /**
   * Takes the actor out. Resolves when it is durable that it is not there, also when it was not;
   * rejects when that cannot be told: the shard has to be opened again first.
   */
  remove(generation: Generation, why: SkeinError): Promise<void> {
    if (this.ended !== undefined) return Promise.reject(this.ended)
    if (this.parking !== undefined) {
      return this.parking.ended.then(() => this.remove(generation, why))
    }
    const { promise, resolve, reject } = deferred()
    const record = this.openRecord()
    const actor = this.actors.get(generation)
    if (actor !== undefined) {
      this.ready.delete(actor)
      record.actors.delete(actor)
      record.deleted.push(actor)
      actor.close(why)
      this.state.forget(actor)
    }
    record.wait({ release: resolve, fail: reject })
    this.context.commitSoon(this)
    return promise
  }

  /** Takes back an actor of whose creation nothing was journaled. */
  discard(actor: ShardActor): void {
    if (this.actors.get(actor.generation) !== actor) return
    this.state.actors.delete(actor.generation)
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
    if (this.ended !== undefined || this.parking !== undefined) return false
    const record = this.openRecord(this.readySinceMs)
    record.begin(this.state.clock.now(), deadlineMs)
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
    this.state.placedUpTo = result.recordNumber
    this.records.keep(records)
    let at = 0
    for (const record of records) {
      for (const frame of record.frames) {
        this.state.place(frame, result.locations[at], frame.bytes.length)
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
    for (const record of this.records.release()) {
      const met = record.answer(nowMs, this.meter)
      fault ??= met
    }
    if (fault !== undefined) this.context.onFault(this, hostFault(fault.cause))
  }

  /** Nothing decided and not yet durable, nothing in a mailbox. */
  get idle(): boolean {
    return this.records.isEmpty && (this.ready.size === 0 || this.parking !== undefined)
  }

  /** The node stood still for `stallMs`: due actors hear of it before anything expires. */
  stalled(stallMs: number): void {
    // The whole pause counts as a stall when it ends.
    if (this.parking !== undefined) return
    for (const actor of this.actors.values()) {
      if (actor.dueMs() !== Number.POSITIVE_INFINITY) this.tickActor(actor, stallMs)
    }
  }

  /** A fault in it ends this host only: the journal takes what is thrown at it for its own. */
  checkpoint(): CheckpointDelta | undefined {
    if (this.ended !== undefined) return undefined
    try {
      this.seal()
      return this.state.changes()
    } catch (cause) {
      this.closed(hostFault(cause))
      return undefined
    }
  }

  locate(key: FrameKey): Location | undefined {
    return this.state.locate(key)
  }

  relocate(key: FrameKey, to: Location): void {
    this.state.relocate(key, to)
  }

  damaged(what: SkeinError): void {
    this.context.onFault(this, what)
  }

  closed(why: SkeinError): void {
    if (this.ended !== undefined) return
    this.ended = why
    this.state.cut?.end("the shard was closed")
    this.alarm.end()
    const all = this.records.end()
    for (const record of all) this.context.journal.unreserve(record.reserved)
    this.ready.clear()
    const toCallers = this.toCallers(why)
    this.parking?.closed(toCallers)
    this.parking = undefined
    failAll(all, outcomeUnknown(toCallers))
    for (const actor of this.actors.values()) actor.close(toCallers)
    this.state.clear()
    this.whenClosed.resolve(why)
  }

  private toCallers(why: SkeinError): SkeinError {
    return endOfHost(this.shard, why, this.context.movedTo)
  }

  /** In records of their own: a shard of a million queues takes several. */
  private each(tell: (actor: ShardActor, record: OpenRecord) => void): void {
    for (const actor of this.actors.values()) {
      if (this.records.open?.full()) this.seal()
      const record = this.openRecord()
      record.begin(this.state.clock.now(), Number.POSITIVE_INFINITY)
      record.actors.add(actor)
      tell(actor, record)
    }
  }

  /** Closes the open record: its actors hand out what is ready, its events are encoded. */
  private seal(): void {
    const record = this.records.open
    if (record === undefined) return
    record.begin(this.state.clock.now(), Number.POSITIVE_INFINITY)
    const sections = record.close(this.meter)
    this.records.seal(record, sections.length === 0 ? undefined : this.encode(record, sections))
    this.arm(record.actors)
  }

  private encode({ now, frames }: OpenRecord, sections: readonly Section[]): ShardRecord {
    return { journalMs: now.journalMs, events: this.state.record(sections), frames }
  }

  private openRecord(sinceMs?: number): OpenRecord {
    const { journal, clock } = this.context
    if (this.records.open === undefined) {
      const now = this.state.clock.now()
      this.records.open = new OpenRecord(journal, clock, now, sinceMs ?? now.monotonicMs)
    }
    return this.records.open
  }

  /** The earliest of what these wait for. */
  private arm(worked: Iterable<ShardActor>): void {
    if (this.parking !== undefined) return
    let due = Number.POSITIVE_INFINITY
    for (const actor of worked) due = Math.min(due, actor.dueMs())
    this.alarm.set(due)
  }

  private due(): void {
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

const failAll = (records: readonly OpenRecord[], why: SkeinError): void => {
  for (const record of records) record.fail(why)
}
