/**
 * Owns: a naive model of a queue, against which the real one is tested. Written from DESIGN.md, one
 * object a message, linear searches everywhere.
 * Must not know: anything of the real queue but its commands and replies.
 */
import type { Epoch, Outcome, Sequence } from "@skein/model"
import type { Extend, Fetch, Peek, Publish, Settle } from "../Command.js"

const blockSize = 4096
const windowMs = 3_600_000

interface Message {
  readonly sequence: Sequence
  readonly frame: Frame
  failed: number
  returned: number
  /** May have been delivered under an earlier owner. */
  flagged: boolean
  /** A delivery of it is in the journal without an end. */
  open: boolean
  lease?: { session: string; fetchNumber: number; epoch: Epoch; untilMs: number }
}

interface Frame {
  readonly first: Sequence
  readonly count: number
  readonly bytes: number
  left: number
}

interface Wait {
  readonly session: string
  readonly fetchNumber: number
  readonly messagesMax: number
  readonly bytesMax: number
  untilMs: number
}

interface Producer {
  last: number
  atMs: number
  readonly results: Map<number, ShadowResult>
}

export interface ShadowResult {
  readonly first: Sequence
  readonly count: number
  readonly duplicates: readonly number[]
}

/** One message as a consumer sees it. */
export interface Seen {
  readonly sequence: Sequence
  readonly attempt: number
  readonly failed: number
  readonly returned: number
  readonly redelivered: boolean
  /** When it is not the owner's. */
  readonly epoch?: Epoch
}

export interface ShadowDelivery {
  readonly session: string
  readonly fetchNumber: number
  readonly messages: readonly Seen[]
}

export class Shadow {
  epoch: Epoch = 0
  next: Sequence = 1
  /** Unsettled messages, ascending. */
  private readonly bySequence = new Map<Sequence, Message>()
  diedFrames: Sequence[] = []
  purged = 0
  acked = 0
  rejected = 0
  published = 0
  /** Of messages that may have been handed out more than once: the tag that settled them. */
  private readonly settledBy = new Map<Sequence, string>()
  private touched = new Set<number>()
  private readonly producers = new Map<string, Producer>()
  private dedup: { id: string; atMs: number }[] = []
  private waits: Wait[] = []
  private turns: string[] = []
  private answered = new Map<string, Set<number>>()

  constructor(
    private readonly policy: { leaseMs: number; dedupWindowMs: number; messagesMax: number },
  ) {}

  get messages(): Message[] {
    return [...this.bySequence.values()]
  }

  get total(): number {
    return this.bySequence.size
  }

  /** Leased messages, and when the first lease or wait is due. */
  leases(): { readonly leased: number; readonly nextDueMs: number } {
    let leased = 0
    let nextDueMs = Number.POSITIVE_INFINITY
    for (const { lease } of this.bySequence.values()) {
      if (lease === undefined) continue
      leased++
      nextDueMs = Math.min(nextDueMs, lease.untilMs)
    }
    for (const { untilMs } of this.waits) nextDueMs = Math.min(nextDueMs, untilMs)
    return { leased, nextDueMs }
  }

  publish(command: Publish, ids: readonly string[], journalMs: number): ShadowResult | string {
    let producer = this.producers.get(command.producer)
    if (producer !== undefined && producer.atMs + windowMs <= journalMs) producer = undefined
    const expected = (producer?.last ?? 0) + 1
    if (command.frameNumber < expected) {
      const stored = producer?.results.get(command.frameNumber)
      return stored !== undefined && expected - command.frameNumber <= 16
        ? stored
        : "ProducerUnknown"
    }
    if (command.frameNumber > expected) return producer ? "SequenceGap" : "ProducerUnknown"
    const { count, bytes } = command.frame
    const live = this.dedup.filter(({ atMs }) => atMs + this.policy.dedupWindowMs > journalMs)
    const duplicates: number[] = []
    const fresh: { id: string; atMs: number }[] = []
    for (let at = 0; at < count; at++) {
      const id = ids[at] ?? ""
      if (id === "") continue
      if ([...live, ...fresh].some((seen) => seen.id === id)) duplicates.push(at)
      else fresh.push({ id, atMs: journalMs })
    }
    const added = count - duplicates.length
    if (added > 0 && this.total + added > this.policy.messagesMax) return "QueueFull"
    const first = this.next
    const frame: Frame = { first, count, bytes, left: added }
    for (let at = 0; at < count; at++) {
      const sequence = first + at
      if (duplicates.includes(at)) continue
      const message = { sequence, frame, failed: 0, returned: 0, flagged: false, open: false }
      this.bySequence.set(sequence, message)
    }
    this.next += count
    this.published += added
    this.dedup = [...live, ...fresh]
    producer ??= { last: 0, atMs: 0, results: new Map() }
    producer.last = command.frameNumber
    producer.atMs = journalMs
    const result = { first, count, duplicates }
    producer.results.set(command.frameNumber, result)
    this.producers.set(command.producer, producer)
    return result
  }

  /** For each settle: the sequences that are lost. */
  settle(settles: readonly Settle[]): Sequence[][] {
    const done = new Map<Sequence, Settle>()
    const answers = settles.map((settle) => {
      const lost: Sequence[] = []
      const accepted: Sequence[] = []
      for (const sequence of expand(settle.ranges)) {
        const answer = this.judge(settle, sequence, done)
        if (answer === "lost") lost.push(sequence)
        if (answer === "accepted") accepted.push(sequence)
      }
      for (const sequence of accepted) done.set(sequence, settle)
      return lost
    })
    // All are judged by what was before the command.
    for (const [sequence, { outcome, epoch, attempt }] of done) {
      this.end(sequence, outcome, `${epoch} ${attempt}`)
    }
    return answers
  }

  private judge(settle: Settle, sequence: Sequence, done: ReadonlyMap<Sequence, Settle>): string {
    const { epoch, outcome } = settle
    const takes = outcome === "ack" || outcome === "reject"
    const tag = `${epoch} ${settle.attempt}`
    if (sequence >= this.next || epoch > this.epoch) return "lost"
    const before = done.get(sequence)
    if (before !== undefined) {
      const wentBack = before.outcome === "return" || before.outcome === "fail"
      if (wentBack) return takes ? "lost" : "ok"
      return tag === `${before.epoch} ${before.attempt}` ? "ok" : "lost"
    }
    const message = this.find(sequence)
    if (message === undefined) return (this.settledBy.get(sequence) ?? tag) === tag ? "ok" : "lost"
    const attempt = message.failed + message.returned
    if (settle.attempt > attempt) return "lost"
    if (message.lease !== undefined) {
      const { lease } = message
      return epoch === lease.epoch && settle.attempt === attempt ? "accepted" : "lost"
    }
    if (settle.attempt < attempt) return takes ? "accepted" : "ok"
    return epoch < this.epoch && message.flagged ? "accepted" : "lost"
  }

  fetch(command: Fetch, monotonicMs: number): Sequence[][] {
    const lost = this.settle(command.settles)
    const { session, fetchNumber, messagesMax, bytesMax } = command
    this.drop(session, fetchNumber)
    const untilMs = monotonicMs + command.waitMs
    this.waits.push({ session, fetchNumber, messagesMax, bytesMax, untilMs })
    this.waits.sort((a, b) => a.fetchNumber - b.fetchNumber)
    if (!this.turns.includes(session)) this.turns.push(session)
    if (!this.answered.has(session)) this.answered.set(session, new Set())
    return lost
  }

  deliver(monotonicMs: number): ShadowDelivery[] {
    const deliveries: ShadowDelivery[] = []
    const order = [...this.turns]
    const served = new Map<string, number>()
    const queue = new Map(order.map((id) => [id, this.waits.filter((w) => w.session === id)]))
    for (let round = 0; [...queue.values()].some((waits) => waits.length > round); round++) {
      for (const session of order) {
        const wait = queue.get(session)?.[round]
        if (wait === undefined) continue
        const messages = this.serve(wait, monotonicMs)
        if (messages === undefined) continue
        deliveries.push({ session, fetchNumber: wait.fetchNumber, messages })
        served.set(session, served.size)
      }
    }
    return deliveries
  }

  private serve(wait: Wait, monotonicMs: number): Seen[] | undefined {
    const { session, fetchNumber } = wait
    if (this.answered.get(session)?.has(fetchNumber)) {
      this.drop(session, fetchNumber)
      return this.messages
        .filter(({ lease }) => lease?.session === session && lease.fetchNumber === fetchNumber)
        .map((message) => this.seeLeased(message))
    }
    const taken: Message[] = []
    let bytes = 0
    for (const message of this.messages) {
      if (message.lease !== undefined) continue
      const share = message.frame.bytes / message.frame.count
      if (taken.length >= wait.messagesMax) break
      if (taken.length > 0 && bytes + share > wait.bytesMax) break
      bytes += share
      taken.push(message)
    }
    if (taken.length === 0 && wait.untilMs > monotonicMs) return undefined
    for (const message of taken) {
      const { epoch } = this
      message.lease = { session, fetchNumber, epoch, untilMs: monotonicMs + this.policy.leaseMs }
      if (message.flagged || message.failed > 0) message.open = true
      else this.touched.add(blockOf(message.sequence))
    }
    this.answered.get(session)?.add(fetchNumber)
    this.drop(session, fetchNumber)
    if (taken.length > 0 && this.turns.includes(session)) {
      this.turns = [...this.turns.filter((id) => id !== session), session]
    }
    return taken.map(see)
  }

  /** The sequences that are not held. */
  extend(command: Extend, monotonicMs: number): Sequence[] {
    const lost: Sequence[] = []
    for (const sequence of expand(command.ranges)) {
      const lease = this.find(sequence)?.lease
      if (lease?.session !== command.session || lease.epoch !== command.epoch) lost.push(sequence)
      else lease.untilMs = monotonicMs + (command.leaseMs ?? this.policy.leaseMs)
    }
    return lost
  }

  cancel(session: string, fetchNumber: number): void {
    if (!this.waits.some((w) => w.session === session && w.fetchNumber === fetchNumber)) return
    this.answered.get(session)?.add(fetchNumber)
    this.drop(session, fetchNumber)
  }

  /** Fetch numbers that get an empty answer. */
  endSession(session: string, reason: "closed" | "lost"): number[] {
    for (const { sequence, lease } of this.messages) {
      if (lease?.session !== session) continue
      this.end(sequence, reason === "closed" ? "return" : "fail", "")
    }
    const waiting = this.waits.filter((wait) => wait.session === session)
    for (const { fetchNumber } of waiting) this.drop(session, fetchNumber)
    this.answered.delete(session)
    return waiting.map(({ fetchNumber }) => fetchNumber)
  }

  tick(stallMs: number, monotonicMs: number): ShadowDelivery[] {
    for (const { lease } of this.messages) if (lease !== undefined) lease.untilMs += stallMs
    for (const wait of this.waits) wait.untilMs += stallMs
    for (const { sequence, lease } of [...this.messages]) {
      if (lease !== undefined && lease.untilMs <= monotonicMs) this.end(sequence, "fail", "")
    }
    const over = this.waits.filter(({ untilMs }) => untilMs <= monotonicMs)
    for (const { session, fetchNumber } of over) {
      this.answered.get(session)?.add(fetchNumber)
      this.drop(session, fetchNumber)
    }
    return over.map(({ session, fetchNumber }) => ({ session, fetchNumber, messages: [] }))
  }

  purge(): number {
    const ready = this.messages.filter(({ lease }) => lease === undefined)
    for (const { sequence } of ready) this.take(sequence, "nobody")
    this.purged += ready.length
    return ready.length
  }

  peek(command: Peek): Seen[] {
    return this.messages
      .filter(({ sequence }) => sequence >= command.from)
      .slice(0, command.messagesMax)
      .map(see)
  }

  /** A crash and a new owner. */
  open(epoch: Epoch): void {
    this.epoch = epoch
    for (const message of this.messages) {
      if (message.open) message.failed++
      if (message.open || this.touched.has(blockOf(message.sequence))) message.flagged = true
      message.open = false
      delete message.lease
    }
    this.touched = new Set()
    this.waits = []
    this.turns = []
    this.answered = new Map()
  }

  /** A planned move, after a pause: leases stay, waits end. */
  move(epoch: Epoch, pausedMs: number, leaseMinMs: number, monotonicMs: number): void {
    this.epoch = epoch
    for (const { lease } of this.messages) {
      if (lease === undefined) continue
      const leftMs = Math.max(lease.untilMs - (monotonicMs - pausedMs), leaseMinMs)
      lease.untilMs = monotonicMs + leftMs
    }
    this.waits = []
    this.turns = []
  }

  private seeLeased(message: Message): Seen {
    const epoch = message.lease?.epoch ?? this.epoch
    return epoch === this.epoch ? see(message) : { ...see(message), epoch }
  }

  isWaiting(session: string, fetchNumber: number): boolean {
    return this.waits.some((w) => w.session === session && w.fetchNumber === fetchNumber)
  }

  waiting(session: string): number {
    return this.waits.filter((wait) => wait.session === session).length
  }

  private end(sequence: Sequence, outcome: Outcome, tag: string): void {
    const message = this.find(sequence) as Message
    if (outcome === "ack") this.acked++
    if (outcome === "reject") this.rejected++
    if (outcome === "ack" || outcome === "reject") {
      this.take(sequence, tag)
      return
    }
    if (outcome === "fail") message.failed++
    else message.returned++
    message.open = false
    delete message.lease
  }

  private take(sequence: Sequence, tag: string): void {
    const message = this.find(sequence) as Message
    this.bySequence.delete(sequence)
    const once = !message.flagged && message.failed + message.returned === 0
    if (!once) this.settledBy.set(sequence, tag)
    if (--message.frame.left === 0) this.diedFrames.push(message.frame.first)
  }

  private find(sequence: Sequence): Message | undefined {
    return this.bySequence.get(sequence)
  }

  private drop(session: string, fetchNumber: number): void {
    this.waits = this.waits.filter(
      (wait) => wait.session !== session || wait.fetchNumber !== fetchNumber,
    )
    if (!this.waits.some((wait) => wait.session === session)) {
      this.turns = this.turns.filter((id) => id !== session)
    }
  }
}

const blockOf = (sequence: Sequence): number => Math.floor(sequence / blockSize)

const see = (message: Message): Seen => ({
  sequence: message.sequence,
  attempt: message.failed + message.returned,
  failed: message.failed,
  returned: message.returned,
  redelivered: message.flagged || message.failed + message.returned > 0,
})

export const expand = (ranges: readonly Sequence[]): Sequence[] => {
  const sequences: Sequence[] = []
  for (let at = 0; at < ranges.length; at += 2) {
    for (let sequence = ranges[at]; sequence <= ranges[at + 1]; sequence++) sequences.push(sequence)
  }
  return sequences
}
