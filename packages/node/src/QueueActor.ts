/**
 * Owns: the shell around one queue's state machine: its mailbox, and what is done with a decision:
 * events into the shard's record, replies and deliveries after its commit.
 * Must not know: sockets, other queues, how the journal stores.
 *
 * A `decide` that throws changes nothing: that command gets InternalError. An `evolve` that throws
 * sets the queue aside: its requests get Quarantined, its records are kept as data (see `Aside` of
 * the queue package), the shard's other queues serve; opening the shard again replays it.
 * Interleavings: a delivery is decided when the record is sealed and sent after its commit. A fetch
 * that is cancelled in between still gets it; one that was asked again over another connection
 * meanwhile leaves it to the newer call.
 * Without room in the journal, requests are refused; what the node itself asks for (time, ends of
 * sessions) is asked again a second later.
 */
import type { ActorDelta, ActorFrame, ShardActor, Turn, WholeActor } from "@skein/cluster"
import { type FrameKey, isScarcity, type Location } from "@skein/journal"
import {
  type Generation,
  invariant,
  limits,
  type Now,
  type QueuePolicy,
  type Sequence,
  type SessionId,
  type SkeinError,
  skeinError,
} from "@skein/model"
import {
  Aside,
  type Command,
  checkpointDelta,
  countFrames,
  type Decision,
  type Delivery,
  type DurableEvent,
  decide,
  decodeEvents,
  type Event,
  encodeEvents,
  evolve,
  type Fetch,
  framesDied,
  framesFrom,
  isCatalogEvent,
  isDurable,
  isHandedOver,
  locate,
  nextDueMs,
  type QueueState,
  type Reply,
  type Run,
  recoverQueue,
  relocate,
  type SessionLease,
  wholeQueue,
} from "@skein/queue"
import type { DeliveredRun, FetchCall } from "@skein/wire"
import { FetchWait, fetchKey } from "./FetchWait.js"
import { Mailbox } from "./Mailbox.js"
import { Postponed } from "./Postponed.js"
import { commandBytes, type Request } from "./Request.js"
import { type FrameReader, readRuns } from "./readRuns.js"
import { roomFor } from "./roomFor.js"
import type { SessionHolder } from "./Sessions.js"
import { WaitingFetches } from "./WaitingFetches.js"

/** What all actors of a host need of it. */
export interface QueueHome extends FrameReader {
  readonly wake: (actor: QueueActor) => void
  /** `key`: whose frame it was, where that is known. */
  readonly release: (location: Location, bytes: number, key?: FrameKey) => void
  /** Why a request cannot wait for the end of a planned move, if it cannot. */
  readonly admit: () => SkeinError | undefined
  readonly sessionLease: (session: SessionId) => SessionLease | undefined
  /** A session of the former owner's node goes on here. */
  readonly adoptSession: (session: SessionId, lease: SessionLease, holder: SessionHolder) => void
  /** A fault that was contained. */
  readonly onFault: (generation: Generation, error: SkeinError) => void
}

export class QueueActor implements SessionHolder, ShardActor {
  private readonly mailbox = new Mailbox<Request>()
  private readonly fetches = new WaitingFetches()
  private events: DurableEvent[] = []
  /** Why the queue is set aside, and what is kept of it then. */
  private aside: { readonly why: SkeinError; readonly kept: Aside } | undefined
  /** Chunks of the time it was aside, which the next checkpoint drops. */
  private leftovers: readonly string[] = none
  /** All that may be stored of it, when it was erased and its state was too damaged to tell. */
  private ruins: readonly string[] | undefined
  private closedBy: SkeinError | undefined
  private readonly postponed = new Postponed()
  /** Its last word before a move is said: nothing is handed out. */
  private handing = false
  private depthTold = 0

  constructor(
    readonly state: QueueState,
    private readonly home: QueueHome,
  ) {}

  /** The queue of a checkpoint's chunks; it may be aside, as it was when they were written. */
  static restored(generation: Generation, chunks: Chunks, home: QueueHome): QueueActor {
    const { state, kept, fault } = recoverQueue(generation, chunks)
    const actor = new QueueActor(state, home)
    actor.leftovers = kept
    if (fault !== undefined) actor.setAside(fault.cause, fault.aside)
    actor.releaseDead()
    return actor
  }

  get generation(): Generation {
    return this.state.generation
  }

  get waitingFetches(): number {
    return this.fetches.size
  }

  /** Why the queue is set aside, if it is. */
  get quarantined(): SkeinError | undefined {
    return this.aside?.why
  }

  get isClosed(): boolean {
    return this.closedBy !== undefined
  }

  /** Puts a command into the mailbox; rejects with Overloaded when it is full. */
  ask(command: Command, frame?: Uint8Array): Promise<Reply> {
    return new Promise((answer, fail) => {
      this.put({ command, ...(frame && { frame }), answer, fail }, frame?.length ?? 0)
    })
  }

  /** Settles, then waits for messages. Never throws: both of its promises tell. */
  fetch(command: Fetch): FetchCall {
    const wait = new FetchWait(command, this)
    const answer = (reply: Reply): void =>
      reply._tag === "Settled" ? wait.settle(reply.lost) : wait.fail(unexpected(reply))
    this.put({ command, wait, answer, fail: (error) => this.fetches.fail(wait, error) }, 0)
    return wait
  }

  open(turn: Turn): void {
    const command: Command = { _tag: "Open", epoch: this.home.epoch }
    // A shard that has no room left must open all the same: nothing else makes room.
    this.execute({ command, answer: ignore, fail: (error) => this.setAside(error) }, turn)
  }

  receive(turn: Turn): void {
    const sessions = this.state.handedOver.flatMap((part) => part.sessions)
    const command: Command = { _tag: "Receive", epoch: this.home.epoch }
    this.execute({ command, answer: ignore, fail: (error) => this.setAside(error) }, turn)
    for (const { session, leaseMs, remainingMs } of sessions) {
      if (leaseMs > 0) this.home.adoptSession(session, { leaseMs, remainingMs }, this)
    }
  }

  handOver(turn: Turn, pausedMs: number): void {
    if (this.aside !== undefined || this.state.life !== "present") return
    const { sessionLease } = this.home
    const { events } = decide(this.state, { _tag: "HandOver", pausedMs, sessionLease }, turn.now)
    const bytes = roomFor(events)
    if (!turn.fits(bytes)) throw skeinError("LimitExceeded", "too many leases for one record")
    if (!hasRoom(bytes, "settle", turn)) throw skeinError("DiskFull", "no room for a hand-over")
    this.handing = true
    this.evolve(events)
  }

  isHandedOver(): boolean {
    return this.aside !== undefined || this.state.life !== "present" || isHandedOver(this.state)
  }

  resume(): void {
    this.handing = false
  }

  shed(why: SkeinError): void {
    for (const request of this.mailbox.drain()) {
      // What the node itself asked for is still to be done.
      if (request.answer === ignore) this.mailbox.putAlways(request)
      else request.fail(why)
    }
  }

  work(turn: Turn): boolean {
    while (!turn.spent()) {
      const request = this.mailbox.take()
      if (request === undefined) break
      this.serve(request, turn)
    }
    this.releaseDead()
    return this.mailbox.length > 0
  }

  seal(turn: Turn): Uint8Array | undefined {
    if (this.fetches.size > 0 && !this.handing && this.aside === undefined) this.deliver(turn)
    this.releaseDead()
    if (this.events.length === 0) return undefined
    const events = this.events
    this.events = []
    return encodeEvents(events.map((event) => ({ generation: this.generation, event })))
  }

  depthChange(): number {
    const depth = this.state.life === "present" ? this.state.blocks.ready : 0
    const change = depth - this.depthTold
    this.depthTold = depth
    return change
  }

  dueMs(): number {
    if (this.aside !== undefined) return Number.POSITIVE_INFINITY
    const { dueMs } = this.postponed
    return dueMs === Number.POSITIVE_INFINITY ? nextDueMs(this.state) : dueMs
  }

  tick(stallMs: number): void {
    for (const command of this.postponed.take(stallMs)) this.tell(command)
  }

  replay(events: Uint8Array): void {
    if (this.aside !== undefined) return
    try {
      for (const { event } of decodeEvents(events)) {
        invariant(!isCatalogEvent(event), "an event of the catalog stands in a queue's section")
        evolve(this.state, event)
      }
    } catch (cause) {
      this.setAside(cause)
    }
    this.releaseDead()
  }

  relocate(first: Sequence, location: Location, bytes?: number): boolean {
    if (this.aside === undefined) return relocate(this.state, first, location)
    this.aside.kept.place(first, location, bytes)
    return true
  }

  locate(first: Sequence): Location | undefined {
    if (this.aside !== undefined) return this.aside.kept.locate(first)
    return locate(this.state, first)?.location
  }

  erase(): void {
    if (this.aside !== undefined) return this.bury(this.aside.kept)
    if (this.state.life !== "present") return
    try {
      evolve(this.state, { _tag: "Deleted" })
    } catch {
      return this.bury(new Aside(this.state, this.leftovers))
    }
    this.giveBack()
  }

  /** Its state is too damaged to be deleted by an event: all that is known of it is given back. */
  private bury(kept: Aside): void {
    this.ruins = [...kept.keys]
    kept.each((location, bytes) => this.home.release(location, bytes))
  }

  isAside(): boolean {
    return this.aside !== undefined
  }

  keep(events: Uint8Array): void {
    this.aside?.kept.keep(events)
  }

  checkpoint(): ActorDelta {
    if (this.ruins !== undefined) return { put: [], drop: this.ruins }
    if (this.aside !== undefined) return this.aside.kept.delta()
    const { put, drop } = checkpointDelta(this.state)
    const delta = { put, drop: [...drop, ...this.leftovers] }
    this.leftovers = none
    return delta
  }

  whole(): WholeActor | undefined {
    if (this.aside !== undefined) return undefined
    const { frames, bytes } = countFrames(this.state)
    const chunks = wholeQueue(this.state)
    return { chunks, below: this.state.next, frames, frameBytes: bytes }
  }

  framesFrom(from: Sequence, below: Sequence): readonly ActorFrame[] {
    return framesFrom(this.state, from, below, backupPage)
  }

  close(why: SkeinError): void {
    this.closedBy = why
    for (const request of this.mailbox.drain()) request.fail(why)
    this.fetches.failAll(why)
  }

  /** The queue's first use: its name and settings, as the catalog has them. */
  create(name: string, policy: QueuePolicy): Promise<void> {
    return new Promise((answer, fail) => {
      if (this.closedBy !== undefined) return fail(this.closedBy)
      const command: Command = { _tag: "Create", name, policy, epoch: this.home.epoch }
      this.mailbox.putAlways({ command, answer: () => answer(), fail })
      this.home.wake(this)
    })
  }

  /**
   * Removes what is ready now, in as many records as it takes; how many messages went. Resolves
   * when the last is durable; a failure on the way leaves what went before it removed.
   */
  async purge(): Promise<number> {
    let reply = await this.ask({ _tag: "Purge" })
    let messages = 0
    while (reply._tag === "Purged") {
      messages += reply.messages
      if (reply.rest === undefined) return messages
      reply = await this.goOn({ _tag: "Purge", rest: reply.rest })
    }
    throw unexpected(reply)
  }

  /** The bytes of runs. A frame that is damaged sets the queue aside. */
  async read(runs: readonly Run[]): Promise<readonly DeliveredRun[]> {
    try {
      return await readRuns(this.state, runs, this.home)
    } catch (cause) {
      if (this.closedBy !== undefined) throw this.closedBy
      if (isScarcity(cause)) throw skeinError("Overloaded", String(cause), {}, { cause })
      throw this.setAside(cause)
    }
  }

  endSession(session: SessionId, reason: "closed" | "lost"): void {
    this.tell({ _tag: "EndSession", session, reason })
  }

  /** A command whose answer nobody waits for. */
  tell(command: Command): void {
    if (this.closedBy !== undefined || this.aside !== undefined) return
    this.mailbox.putAlways({ command, answer: ignore, fail: ignore })
    this.home.wake(this)
  }

  /** The next part of a command that was accepted: its place in the mailbox is not refused. */
  private goOn(command: Command): Promise<Reply> {
    return new Promise((answer, fail) => {
      const problem = this.closedBy ?? this.quarantined
      if (problem !== undefined) return fail(problem)
      this.mailbox.putAlways({ command, answer, fail })
      this.home.wake(this)
    })
  }

  private put(request: Request, frameBytes: number): void {
    const problem = this.closedBy ?? this.quarantined ?? this.home.admit()
    if (problem !== undefined) return request.fail(problem)
    if (!this.mailbox.put(request, frameBytes + commandBytes(request.command))) {
      return request.fail(skeinError("Overloaded", "the queue's mailbox is full"))
    }
    this.home.wake(this)
  }

  /** What follows a cancel that came in time is decided behind all that was asked before it. */
  cancelFetch(wait: FetchWait): void {
    if (this.closedBy !== undefined || this.aside !== undefined) return
    const { session, fetchNumber } = wait.command
    const command: Command = { _tag: "CancelFetch", session, fetchNumber }
    this.mailbox.putAlways({ command, wait, answer: ignore, fail: ignore })
    this.home.wake(this)
  }

  /** A request never vanishes: whatever goes wrong, it is answered. */
  private serve(request: Request, turn: Turn): void {
    try {
      const { wait } = request
      if (wait === undefined) this.execute(request, turn)
      else if (request.command._tag === "CancelFetch") this.endWait(wait, request, turn)
      else this.beginWait(wait, request, turn)
    } catch (cause) {
      request.fail(skeinError("InternalError", "the queue met a fault", {}, { cause }))
      throw cause
    }
  }

  private beginWait(wait: FetchWait, request: Request, turn: Turn): void {
    const { session, settles } = wait.command
    if (wait.cancelled) {
      const settle: Request = { ...request, command: { _tag: "Settle", session, settles } }
      if (this.execute(settle, turn)) turn.wait({ release: () => wait.deliver([]), fail: ignore })
      return
    }
    if (this.execute(request, turn)) this.fetches.begin(wait)
  }

  private endWait(wait: FetchWait, request: Request, turn: Turn): void {
    if (!this.fetches.has(wait)) return
    const decision = this.execute(request, turn)
    // Without an event it has been given something: that is on its way.
    if (decision === undefined || decision.events.length === 0) return
    this.fetches.take(wait.key)
    turn.wait({ release: () => wait.deliver([]), fail: (error) => wait.fail(error) })
  }

  /** The decision, when it was made and applied; else the request has been refused. */
  private execute(request: Request, turn: Turn): Decision | undefined {
    if (this.aside !== undefined) {
      request.fail(this.aside.why)
      return undefined
    }
    const { command } = request
    const decision = this.decide(command, turn.now, request.fail)
    if (decision === undefined) return undefined
    if (decision.reply._tag === "Refused") {
      const { error } = decision.reply
      turn.wait({ release: () => request.fail(error), fail: request.fail })
      return undefined
    }
    const purpose = command._tag === "Publish" ? "publish" : "settle"
    const bytes = roomFor(decision.events)
    if (!turn.fits(bytes)) {
      this.tooLarge(request)
      return undefined
    }
    if (!hasRoom(bytes, purpose, turn) && !isFirst(command)) {
      this.noRoom(request, turn.noRoom(bytes, purpose), turn.now)
      return undefined
    }
    if (!this.evolve(decision.events)) {
      request.fail(this.quarantined ?? skeinError("InternalError", "the queue was set aside"))
      return undefined
    }
    this.storeFrame(request, decision, turn)
    turn.wait({ release: () => request.answer(decision.reply), fail: request.fail })
    this.sendLater(decision.deliveries, turn)
    return decision
  }

  /** No command makes so much, as far as we know: it is refused before the journal would. */
  private tooLarge({ command, fail }: Request): void {
    const error = skeinError("InternalError", `${command._tag} is too large for one record`)
    this.home.onFault(this.generation, error)
    fail(error)
  }

  private noRoom(request: Request, error: SkeinError, now: Now): void {
    const { command } = request
    request.fail(error)
    // What came behind a queue's creation was for the queue that is not there now.
    if (command._tag === "Create") this.close(error)
    this.postponed.refused(command, now)
  }

  private deliver(turn: Turn): void {
    const decision = this.decide({ _tag: "Deliver" }, turn.now, ignore)
    if (decision === undefined) return
    const bytes = roomFor(decision.events)
    // What other queues of the shard have put into this record may leave no place: in the next one.
    if (!turn.fits(bytes)) return this.home.wake(this)
    if (!hasRoom(bytes, "settle", turn)) return this.postponed.again(turn.now)
    if (!this.evolve(decision.events)) return
    this.sendLater(decision.deliveries, turn)
    if (decision.more) this.home.wake(this)
  }

  private decide(
    command: Command,
    now: Now,
    fail: (error: SkeinError) => void,
  ): Decision | undefined {
    try {
      return decide(this.state, command, now)
    } catch (cause) {
      const error = skeinError("InternalError", `${command._tag} failed`, {}, { cause })
      this.home.onFault(this.generation, error)
      fail(error)
      return undefined
    }
  }

  /** Applies a decision's events; `false`: the queue is set aside now. */
  private evolve(events: readonly Event[]): boolean {
    try {
      for (const event of events) evolve(this.state, event)
    } catch (cause) {
      this.setAside(cause)
      return false
    }
    for (const event of events) if (isDurable(event)) this.events.push(event)
    return true
  }

  private storeFrame(request: Request, decision: Decision, turn: Turn): void {
    if (request.frame === undefined) return
    for (const event of decision.events) {
      if (event._tag !== "FramePublished") continue
      turn.count(event.count, request.frame.length)
      if (locate(this.state, event.first) === undefined) continue
      turn.store({ generation: this.generation, first: event.first, bytes: request.frame })
    }
  }

  private sendLater(deliveries: readonly Delivery[], turn: Turn): void {
    for (const delivery of deliveries) {
      for (const { first, last, frameBytes, frameCount } of delivery.runs) {
        const messages = last - first + 1
        turn.count(messages, (frameBytes * messages) / frameCount)
      }
      const key = fetchKey(delivery.session, delivery.fetchNumber)
      turn.wait({
        release: () => this.send(key, delivery),
        fail: (error) => this.fetches.take(key)?.fail(error),
      })
    }
  }

  private send(key: string, delivery: Delivery): void {
    const wait = this.fetches.take(key)
    if (wait === undefined) return
    if (delivery.runs.length === 0) return wait.deliver([])
    wait.deliver(this.read(delivery.runs))
  }

  private releaseDead(): void {
    if (this.aside === undefined) this.giveBack()
  }

  private giveBack(): void {
    const { generation } = this
    for (const { first, location, bytes } of framesDied(this.state)) {
      // A frame that died before its commit told where it lies is given back by the host then.
      if (!Number.isNaN(location)) this.home.release(location, bytes, { generation, first })
    }
  }

  private setAside(cause: unknown, kept?: Aside): SkeinError {
    if (this.aside !== undefined) return this.aside.why
    const text = cause instanceof Error ? cause.message : String(cause)
    const why = skeinError("Quarantined", `the queue was set aside: ${text}`, {}, { cause })
    this.aside = { why, kept: kept ?? new Aside(this.state, this.leftovers) }
    this.leftovers = none
    this.home.onFault(this.generation, why)
    this.fetches.failAll(why)
    return why
  }
}

type Chunks = Parameters<typeof recoverQueue>[1]

/** The first word of an owner. */
const isFirst = ({ _tag }: Command): boolean => _tag === "Open" || _tag === "Receive"

const none: readonly string[] = []

const ignore = (): void => {}

const backupPage = { framesMax: limits.backupPageFramesMax, bytesMax: limits.backupPageBytes }

const hasRoom = (bytes: number, purpose: "publish" | "settle", turn: Turn): boolean =>
  bytes === 0 || turn.reserve(bytes, purpose)

const unexpected = (reply: Reply): SkeinError =>
  skeinError("InternalError", `the queue answered ${reply._tag}`)
