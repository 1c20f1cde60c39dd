/**
 * Owns: the shell around one queue's state machine: its mailbox, the fetches that wait, and what is
 * done with a decision: events into the shard's record, replies and deliveries after its commit.
 * Must not know: sockets, other queues, how the journal stores.
 *
 * A `decide` that throws changes nothing: that command gets InternalError. An `evolve` that throws
 * sets the queue aside: its requests get Quarantined, its records are kept (no checkpoint passes
 * them), the shard's other queues serve; opening the shard again replays it.
 * Interleavings: a delivery is decided when the record is sealed and sent after its commit. By then
 * the fetch may be cancelled (the messages stay leased to the session, a repeat of the fetch gets
 * them) or asked again over another connection (the newer call gets the answer).
 */
import {
  type ActorDelta,
  type Deferred,
  deferred,
  type ShardActor,
  type Turn,
} from "@skein/cluster"
import type { Location } from "@skein/journal"
import {
  type Generation,
  invariant,
  isSkeinError,
  type Now,
  type QueuePolicy,
  type Sequence,
  type SessionId,
  type SkeinError,
  skeinError,
} from "@skein/model"
import {
  type Command,
  checkpointDelta,
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
  isCatalogEvent,
  isDurable,
  locate,
  nextDueMs,
  type QueueState,
  type Reply,
  type Run,
  relocate,
} from "@skein/queue"
import type { DeliveredRun } from "@skein/wire"
import { Mailbox } from "./Mailbox.js"
import { type FrameReader, readRuns } from "./readRuns.js"
import type { SessionHolder } from "./Sessions.js"

/** A request in the mailbox. `frame` goes with a Publish. */
interface Request {
  readonly command: Command
  readonly frame?: Uint8Array
  readonly answer: (reply: Reply) => void
  readonly fail: (error: SkeinError) => void
}

/** What the actor needs of its host. */
export interface QueueHome extends FrameReader {
  readonly wake: () => void
  readonly release: (location: Location, bytes: number) => void
}

/** Events of a command that stores no frame, at most: settles are as long as their ranges. */
const eventBytes = 128
const rangeBytes = 18

export class QueueActor implements SessionHolder, ShardActor {
  private readonly mailbox = new Mailbox<Request>()
  private readonly fetches = new Map<string, Deferred<readonly DeliveredRun[]>>()
  private events: DurableEvent[] = []
  private aside: SkeinError | undefined
  private closedBy: SkeinError | undefined

  constructor(
    readonly state: QueueState,
    private readonly home: QueueHome,
    private readonly onFault: (error: SkeinError) => void,
  ) {}

  get generation(): Generation {
    return this.state.generation
  }

  /** Why the queue is set aside, if it is. */
  get quarantined(): SkeinError | undefined {
    return this.aside
  }

  /** Puts a command into the mailbox; rejects with Overloaded when it is full. */
  ask(command: Command, frame?: Uint8Array): Promise<Reply> {
    return new Promise((answer, fail) => {
      const problem = this.closedBy ?? this.aside
      if (problem !== undefined) return fail(problem)
      const bytes = (frame?.length ?? 0) + eventBytes
      if (!this.mailbox.put({ command, ...(frame && { frame }), answer, fail }, bytes)) {
        return fail(skeinError("Overloaded", "the queue's mailbox is full"))
      }
      this.home.wake()
    })
  }

  /** The messages of a fetch, when there are any or its wait is over. */
  delivered(fetch: Fetch): Promise<readonly DeliveredRun[]> {
    const key = fetchKey(fetch.session, fetch.fetchNumber)
    this.fetches.get(key)?.resolve([])
    const waiting = deferred<readonly DeliveredRun[]>()
    this.fetches.set(key, waiting)
    return waiting.promise
  }

  open(turn: Turn): void {
    const command: Command = { _tag: "Open", epoch: this.home.epoch }
    this.execute({ command, answer: ignore, fail: ignore }, turn)
  }

  work(turn: Turn): boolean {
    while (!turn.spent()) {
      const request = this.mailbox.take()
      if (request === undefined) break
      this.execute(request, turn)
    }
    this.releaseDead()
    return this.mailbox.length > 0
  }

  seal(turn: Turn): Uint8Array | undefined {
    if (this.fetches.size > 0 && this.aside === undefined) this.deliver(turn)
    this.releaseDead()
    if (this.events.length === 0) return undefined
    const events = this.events
    this.events = []
    return encodeEvents(events.map((event) => ({ generation: this.generation, event })))
  }

  dueMs(): number {
    return this.aside === undefined ? nextDueMs(this.state) : Number.POSITIVE_INFINITY
  }

  tick(stallMs: number): void {
    this.tell({ _tag: "Tick", stallMs })
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

  relocate(first: Sequence, location: Location): boolean {
    if (this.aside !== undefined) return true
    return relocate(this.state, first, location)
  }

  locate(first: Sequence): Location | undefined {
    return locate(this.state, first)?.location
  }

  erase(): void {
    if (this.state.life !== "present") return
    evolve(this.state, { _tag: "Deleted" })
    this.releaseDead()
  }

  isAside(): boolean {
    return this.aside !== undefined
  }

  checkpoint(): ActorDelta {
    return checkpointDelta(this.state)
  }

  close(why: SkeinError): void {
    this.closedBy = why
    for (const request of this.mailbox.drain()) request.fail(why)
    for (const waiting of this.fetches.values()) waiting.reject(why)
    this.fetches.clear()
  }

  /** The queue's first use: its name and settings, as the catalog has them. */
  create(name: string, policy: QueuePolicy): Promise<void> {
    return new Promise((answer, fail) => {
      if (this.closedBy !== undefined) return fail(this.closedBy)
      const command: Command = { _tag: "Create", name, policy, epoch: this.home.epoch }
      this.mailbox.putAlways({ command, answer: () => answer(), fail })
      this.home.wake()
    })
  }

  /** The bytes of runs, for a look without a lease. */
  read(runs: readonly Run[]): Promise<readonly DeliveredRun[]> {
    return readRuns(this.state, runs, this.home)
  }

  /** Ends the wait of a fetch; what was leased to it meanwhile stays with its session. */
  cancelFetch(session: SessionId, fetchNumber: number): void {
    this.takeFetch(fetchKey(session, fetchNumber))?.resolve([])
    this.tell({ _tag: "CancelFetch", session, fetchNumber })
  }

  endSession(session: SessionId, reason: "closed" | "lost"): void {
    this.tell({ _tag: "EndSession", session, reason })
  }

  /** A command whose answer nobody waits for. */
  tell(command: Command): void {
    if (this.closedBy !== undefined || this.aside !== undefined) return
    this.mailbox.putAlways({ command, answer: ignore, fail: ignore })
    this.home.wake()
  }

  private execute(request: Request, turn: Turn): void {
    if (this.aside !== undefined) return request.fail(this.aside)
    if (!this.reserve(request, turn)) {
      return request.fail(skeinError("DiskFull", "no room is left in the journal"))
    }
    const decision = this.decide(request.command, turn.now, request.fail)
    if (decision === undefined) return
    if (!this.evolve(decision.events)) {
      return request.fail(this.aside ?? skeinError("InternalError", "the queue was set aside"))
    }
    this.storeFrame(request, decision, turn)
    turn.wait({ release: () => request.answer(decision.reply), fail: request.fail })
    this.sendLater(decision.deliveries, turn)
  }

  private deliver(turn: Turn): void {
    if (!turn.reserve(eventBytes, "settle")) return
    const decision = this.decide({ _tag: "Deliver" }, turn.now, ignore)
    if (decision === undefined || !this.evolve(decision.events)) return
    this.sendLater(decision.deliveries, turn)
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
      this.onFault(error)
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
      if (locate(this.state, event.first) === undefined) continue
      turn.store({ generation: this.generation, first: event.first, bytes: request.frame })
    }
  }

  private reserve(request: Request, turn: Turn): boolean {
    const { command } = request
    if (command._tag === "Publish") {
      return turn.reserve(command.frame.bytes + eventBytes + command.frame.count * 16, "publish")
    }
    let ranges = 0
    if (command._tag === "Fetch" || command._tag === "Settle") {
      for (const settle of command.settles) ranges += settle.ranges.length
    }
    return turn.reserve(eventBytes + ranges * rangeBytes, "settle")
  }

  private sendLater(deliveries: readonly Delivery[], turn: Turn): void {
    for (const delivery of deliveries) {
      const key = fetchKey(delivery.session, delivery.fetchNumber)
      turn.wait({
        release: () => this.send(key, delivery),
        fail: (error) => this.takeFetch(key)?.reject(error),
      })
    }
  }

  private send(key: string, delivery: Delivery): void {
    const waiting = this.takeFetch(key)
    if (waiting === undefined) return
    readRuns(this.state, delivery.runs, this.home).then(waiting.resolve, (cause) => {
      const error = isSkeinError(cause) ? cause : skeinError("InternalError", "read failed", {})
      this.setAside(error)
      waiting.reject(this.aside ?? error)
    })
  }

  private takeFetch(key: string): Deferred<readonly DeliveredRun[]> | undefined {
    const waiting = this.fetches.get(key)
    this.fetches.delete(key)
    return waiting
  }

  private releaseDead(): void {
    if (this.aside !== undefined) return
    for (const { location, bytes } of framesDied(this.state)) {
      // A frame that died before its commit told where it lies is given back by the host then.
      if (!Number.isNaN(location)) this.home.release(location, bytes)
    }
  }

  private setAside(cause: unknown): void {
    if (this.aside !== undefined) return
    const why = cause instanceof Error ? cause.message : String(cause)
    this.aside = skeinError("Quarantined", `the queue was set aside: ${why}`, {}, { cause })
    this.onFault(this.aside)
    for (const waiting of this.fetches.values()) waiting.reject(this.aside)
    this.fetches.clear()
  }
}

const ignore = (): void => {}

const fetchKey = (session: string, fetchNumber: number): string => `${session}${fetchNumber}`
