/**
 * Owns: the Broker port over the actors of this node: checks the form of a request, finds the actor,
 * makes the command, turns the reply into an answer. One synchronous step to a queue that is there.
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
  type DeliveredRun,
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
    const view = viewFrame(request.frame)
    if (isSkeinError(view)) throw view
    const { count, bodyBytesLargest, dedup } = view
    const frame = { count, bytes: request.frame.length, bodyBytesLargest, ...(dedup && { dedup }) }
    const { producer, frameNumber } = request
    const command: Command = { _tag: "Publish", producer, frameNumber, frame }
    const actor = this.queues.find(request.queue) ?? (await this.queues.get(request.queue))
    const reply = accepted(await actor.ask(command, request.frame))
    if (reply._tag !== "Published") throw unexpected(reply)
    const { first, duplicates } = reply
    return { first, count: reply.count, ...(duplicates && { duplicates }) }
  }

  fetch(request: FetchRequest): FetchCall {
    let cancelled = false
    let actor: QueueActor | undefined
    const asked = this.withActor(request.queue, request.session, (found) => {
      actor = found
      const delivered = cancelled ? Promise.resolve([]) : found.delivered(fetchCommand(request))
      // It is rejected together with `settled`; nobody may be listening to this one yet.
      delivered.catch(() => {})
      return { delivered, reply: found.ask(fetchCommand(request)) }
    })
    const settled = asked.then(async ({ reply }) => settleAnswer(await reply))
    const delivered = asked.then(async (call): Promise<readonly DeliveredRun[]> => {
      accepted(await call.reply)
      return call.delivered
    })
    return {
      settled,
      delivered,
      cancel: () => {
        cancelled = true
        actor?.cancelFetch(request.session, request.fetchNumber)
      },
    }
  }

  async settle(request: SettleRequest): Promise<SettleAnswer> {
    const { session, settles } = request
    const actor = await this.actorFor(request.queue, session)
    return settleAnswer(await actor.ask({ _tag: "Settle", session, settles }))
  }

  async extend(request: ExtendRequest): Promise<readonly number[]> {
    const { session, epoch, ranges, leaseMs } = request
    const actor = await this.actorFor(request.queue, session)
    const lease = leaseMs === undefined ? {} : { leaseMs: bounded("leaseMs", leaseMs, leaseBounds) }
    const reply = accepted(await actor.ask({ _tag: "Extend", session, epoch, ranges, ...lease }))
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

  private async withActor<A>(
    queue: QueueRef,
    session: SessionId,
    use: (actor: QueueActor) => A,
  ): Promise<A> {
    return use(await this.actorFor(queue, session))
  }

  private async actorFor(queue: QueueRef, session: SessionId): Promise<QueueActor> {
    const actor = this.queues.find(queue) ?? (await this.queues.get(queue))
    this.sessions.use(session, actor)
    return actor
  }
}

const leaseBounds = [limits.leaseMinMs, limits.leaseMaxMs] as const

const bounded = (name: string, value: number, [low, high]: readonly [number, number]): number => {
  if (value >= low && value <= high) return value
  throw skeinError("LimitExceeded", `${name} is between ${low} and ${high}`, {
    min: low,
    max: high,
  })
}

const fetchCommand = (request: FetchRequest): Fetch => ({
  _tag: "Fetch",
  session: request.session,
  fetchNumber: request.fetchNumber,
  messagesMax: Math.min(request.messagesMax, limits.fetchMessagesMax),
  bytesMax: Math.min(request.bytesMax, limits.fetchBytesMax),
  waitMs: Math.min(request.waitMs, limits.fetchWaitMaxMs),
  settles: request.settles,
})

const accepted = (reply: Reply): Reply => {
  if (reply._tag === "Refused") throw reply.error
  return reply
}

const settleAnswer = (reply: Reply): SettleAnswer => {
  const answer = accepted(reply)
  if (answer._tag !== "Settled") throw unexpected(answer)
  return answer.lost
}

const unexpected = (reply: Reply) => skeinError("InternalError", `the queue answered ${reply._tag}`)
