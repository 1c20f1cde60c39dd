/**
 * Owns: the Broker port over the actors of this node: checks the form of a request, finds the
 * actor, makes the command, turns the reply into an answer. One synchronous step to a queue that is
 * there.
 * Must not know: sockets, the journal.
 */
import {
  isHex128,
  isSkeinError,
  limits,
  type QueueRef,
  type SessionId,
  skeinError,
} from "@skein/model"
import type { Command, Fetch, Reply } from "@skein/queue"
import {
  type Broker,
  type ExtendRequest,
  type FetchCall,
  type FetchRequest,
  type PublishAnswer,
  type PublishRequest,
  type SettleAnswer,
  type SettleRequest,
  viewFrame,
} from "@skein/wire"
import type { QueueActor } from "./QueueActor.js"
import type { Queues } from "./Queues.js"
import type { Sessions } from "./Sessions.js"

export class NodeBroker implements Broker {
  constructor(
    private readonly queues: Queues,
    private readonly sessions: Sessions,
  ) {}

  async publish(request: PublishRequest): Promise<PublishAnswer> {
    const { producer, frameNumber } = request
    if (!isHex128(producer) || !isCount(frameNumber)) throw malformed("publish")
    const view = viewFrame(request.frame)
    if (isSkeinError(view)) throw view
    const { count, bodyBytesLargest, dedup } = view
    const frame = { count, bytes: request.frame.length, bodyBytesLargest, ...(dedup && { dedup }) }
    const command: Command = { _tag: "Publish", producer, frameNumber, frame }
    const actor = this.queues.find(request.queue) ?? (await this.queues.get(request.queue))
    const reply = await actor.ask(command, request.frame)
    if (reply._tag !== "Published") throw unexpected(reply)
    const { first, duplicates } = reply
    return { first, count: reply.count, ...(duplicates && { duplicates }) }
  }

  fetch(request: FetchRequest): FetchCall {
    try {
      const command = fetchCommand(request)
      const actor = this.queues.find(request.queue)
      if (actor === undefined) return this.firstFetch(request, command)
      this.sessions.use(request.session, actor)
      return actor.fetch(command)
    } catch (cause) {
      return failedCall(Promise.reject(cause))
    }
  }

  async settle(request: SettleRequest): Promise<SettleAnswer> {
    const { session, settles } = request
    const actor = this.queues.find(request.queue) ?? (await this.firstUse(request.queue, session))
    this.sessions.use(session, actor)
    const reply = await actor.ask({ _tag: "Settle", session, settles })
    if (reply._tag !== "Settled") throw unexpected(reply)
    return reply.lost
  }

  async extend(request: ExtendRequest): Promise<readonly number[]> {
    const { session, epoch, ranges, leaseMs } = request
    const actor = this.queues.find(request.queue) ?? (await this.firstUse(request.queue, session))
    this.sessions.use(session, actor)
    const lease = leaseMs === undefined ? {} : { leaseMs: bounded("leaseMs", leaseMs, leaseBounds) }
    const reply = await actor.ask({ _tag: "Extend", session, epoch, ranges, ...lease })
    if (reply._tag !== "Extended") throw unexpected(reply)
    return reply.lost
  }

  async openSession(session: SessionId, leaseMs: number): Promise<void> {
    if (!isHex128(session)) throw skeinError("ProtocolError", "a session id has 32 hex digits")
    this.sessions.open(session, bounded("leaseMs", leaseMs, leaseBounds))
  }

  async closeSession(session: SessionId): Promise<void> {
    this.sessions.close(session)
  }

  /** A fetch whose actor has to be looked for first; it may be cancelled meanwhile. */
  private firstFetch(request: FetchRequest, command: Fetch): FetchCall {
    let cancelled = false
    let call: FetchCall | undefined
    const found = this.firstUse(request.queue, request.session).then((actor) => {
      this.sessions.use(request.session, actor)
      call = actor.fetch(command)
      if (cancelled) call.cancel()
      return call
    })
    const cancel = (): void => {
      cancelled = true
      call?.cancel()
    }
    return { ...heard(found), cancel }
  }

  private firstUse(queue: QueueRef, session: SessionId): Promise<QueueActor> {
    this.sessions.renew(session)
    return this.queues.get(queue)
  }
}

/**
 * Both promises of a call that comes later; one that nobody listens to must not end the process.
 */
const heard = (call: Promise<FetchCall>): Pick<FetchCall, "delivered" | "settled"> => {
  const settled = call.then((found) => found.settled)
  const delivered = call.then((found) => found.delivered)
  settled.catch(ignore)
  delivered.catch(ignore)
  return { settled, delivered }
}

const failedCall = (failure: Promise<never>): FetchCall => ({ ...heard(failure), cancel: ignore })

const ignore = (): void => {}

const leaseBounds = [limits.leaseMinMs, limits.leaseMaxMs] as const

const bounded = (name: string, value: number, [low, high]: readonly [number, number]): number => {
  if (value >= low && value <= high) return value
  throw skeinError("LimitExceeded", `${name} is between ${low} and ${high}`, {
    min: low,
    max: high,
  })
}

const fetchCommand = (request: FetchRequest): Fetch => {
  const { session, fetchNumber, messagesMax, bytesMax, waitMs, settles } = request
  const sound = isCount(fetchNumber) && messagesMax >= 1 && bytesMax >= 1 && waitMs >= 0
  if (!sound) throw malformed("fetch")
  return {
    _tag: "Fetch",
    session,
    fetchNumber,
    messagesMax: Math.min(messagesMax, limits.fetchMessagesMax),
    bytesMax: Math.min(bytesMax, limits.fetchBytesMax),
    waitMs: Math.min(waitMs, limits.fetchWaitMaxMs),
    settles,
  }
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1

const malformed = (what: string) => skeinError("ProtocolError", `the ${what} has no sense`)

const unexpected = (reply: Reply) => skeinError("InternalError", `the queue answered ${reply._tag}`)
