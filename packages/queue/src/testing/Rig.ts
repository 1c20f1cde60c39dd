/**
 * Owns: a queue under test beside its naive shadow and a replica that sees only what is durable.
 * Every step is compared in full. Commands come as three numbers, so that they can be shrunk.
 */
import { defaultQueuePolicy, limits, type Now, type QueuePolicy } from "@skein/model"
import type { Command, Publish, Settle } from "../Command.js"
import { checkInvariants } from "../checkInvariants.js"
import { checkpointDelta, restoreQueue } from "../checkpoint.js"
import { decodeEvents, encodeEvents, type JournaledEvent } from "../codec/eventCodec.js"
import { isHandedOver } from "../commands/HandOver.js"
import type { Decision, Delivery, Run } from "../Decision.js"
import { decide } from "../decide.js"
import { digest } from "../digest.js"
import type { DurableEvent } from "../Event.js"
import { evolve, isDurable } from "../evolve.js"
import {
  counts,
  emptyQueue,
  framesDied,
  locate,
  nextDueMs,
  type QueueState,
  relocate,
  unlocatedFrames,
} from "../QueueState.js"
import { expand, type Seen, Shadow, type ShadowDelivery } from "./Shadow.js"

export const policy: QueuePolicy = {
  ...defaultQueuePolicy,
  leaseMs: 1_000,
  dedupWindowMs: 5_000,
  messagesMax: 6_000,
}

const bytesEach = 10

export const same = (found: unknown, expected: unknown, what: string): void => {
  if (found === expected) return
  const a = JSON.stringify(found)
  const b = JSON.stringify(expected)
  if (a !== b) throw new Error(`${what}: ${a} but the model says ${b}`)
}

export class Rig {
  state: QueueState = emptyQueue(1)
  replica: QueueState = emptyQueue(1)
  readonly shadow = new Shadow(policy)
  now = { journalMs: 1_000_000, monotonicMs: 5_000 }
  readonly delivered: { sequence: number; epoch: number; attempt: number }[] = []
  private readonly tags = new Set<string>()
  private newest = 0
  /** Of each message that an ack or reject was confirmed for: by which delivery. */
  private readonly confirmed = new Map<number, string>()
  readonly nextFrame = new Map<string, number>()
  private readonly chunks = new Map<string, Uint8Array>()
  private tail: Uint8Array[] = []
  private steps = 0
  private told = ""

  /** `snapshot` makes two states comparable in depth; without it that check is left out. */
  constructor(private readonly snapshot?: (state: QueueState) => Uint8Array) {
    this.apply(decide(this.state, { _tag: "Create", name: "q", policy, epoch: 1 }, this.now))
    this.shadow.open(1)
  }

  /** Decides, checks that nothing changed, evolves here and in the replica, compares. */
  run(command: Command): Decision {
    const thorough = this.snapshot !== undefined && this.steps++ % 16 === 0
    const before = thorough ? this.snapshot?.(this.state) : undefined
    const decision = decide(this.state, command, this.now)
    same(digest(this.state), this.told, "decide changed the digest")
    if (before !== undefined && !equalBytes(before, this.snapshot?.(this.state))) {
      throw new Error(`decide of ${command._tag} changed the state`)
    }
    this.apply(decision)
    if (thorough) checkInvariants(this.state)
    return decision
  }

  private apply(decision: Decision): void {
    const durable: JournaledEvent[] = []
    for (const event of decision.events) {
      evolve(this.state, event)
      if (isDurable(event)) durable.push({ generation: 1, event })
    }
    if (durable.length > 0) {
      const bytes = Uint8Array.from(encodeEvents(durable))
      this.tail.push(bytes)
      replay(this.replica, bytes)
    }
    this.told = digest(this.state)
    same(this.told, digest(this.replica), "live and replayed digest")
  }

  /** What must hold after each step. */
  compare(): void {
    const { shadow } = this
    const found = counts(this.state)
    same(found.total, shadow.total, "total")
    const { leased, nextDueMs: dueMs } = shadow.leases()
    same(found.leased, leased, "leased")
    same(found.total, found.ready + found.leased, "total = ready + leased")
    const removed = found.acked + found.rejected + found.purged
    same(found.total, found.published - removed, "conservation")
    same(
      [found.published, found.acked, found.rejected, found.purged],
      [shadow.published, shadow.acked, shadow.rejected, shadow.purged],
      "counters",
    )
    same(nextDueMs(this.state), dueMs, "nextDueMs")
    const died = framesDied(this.state).map(({ location }) => location / 10)
    same(died.sort(ascending), shadow.diedFrames.sort(ascending), "frames that died")
    shadow.diedFrames = []
    framesDied(this.replica)
  }

  publish(command: Publish, ids: readonly string[]): void {
    const { reply } = this.run(command)
    const expected = this.shadow.publish(command, ids, this.now.journalMs)
    if (typeof expected === "string") {
      same(reply._tag === "Refused" ? reply.error._tag : reply._tag, expected, "publish")
      return
    }
    if (reply._tag !== "Published") throw new Error(`publish: ${JSON.stringify(reply)}`)
    const duplicates: number[] = []
    for (let at = 0; at < reply.count; at++) {
      if (((reply.duplicates?.[at >>> 3] ?? 0) >>> (at & 7)) & 1) duplicates.push(at)
    }
    const found = { first: reply.first, count: reply.count, duplicates }
    same(found, expected, "published")
    const next = this.nextFrame.get(command.producer) ?? 1
    this.nextFrame.set(command.producer, Math.max(next, command.frameNumber + 1))
    this.commit(reply.first)
  }

  /** The journal tells where the frame lies. */
  private commit(first: number): void {
    relocate(this.replica, first, first * 10)
    relocate(this.state, first, first * 10)
  }

  settle(session: string, settles: readonly Settle[]): void {
    const { reply } = this.run({ _tag: "Settle", session, settles })
    this.compareLost(reply, this.shadow.settle(settles), settles)
  }

  fetch(command: Extract<Command, { _tag: "Fetch" }>): void {
    const { reply } = this.run(command)
    const lost = this.shadow.fetch(command, this.now.monotonicMs)
    this.compareLost(reply, lost, command.settles)
  }

  private compareLost(
    reply: Decision["reply"],
    lost: number[][],
    settles: readonly Settle[],
  ): void {
    if (reply._tag !== "Settled") throw new Error(`settle: ${JSON.stringify(reply)}`)
    this.judgeConfirms(settles, reply.lost.map(expand))
    const none = lost.every((list) => list.length === 0)
    same(reply.lost.map(expand), none ? [] : lost, "lost settles")
    same(none || reply.lost.length === settles.length, true, "one list for each settle")
  }

  /**
   * DESIGN.md section 6 whatever the shadow says: of the deliveries of a message that there were,
   * acks and rejects of one at most are confirmed, and those each time.
   */
  private judgeConfirms(settles: readonly Settle[], lost: readonly number[][]): void {
    settles.forEach(({ outcome, epoch, attempt, ranges }, at) => {
      if (outcome !== "ack" && outcome !== "reject") return
      for (const sequence of expand(ranges)) {
        const tag = `${sequence} ${epoch} ${attempt}`
        if (!this.tags.has(tag)) continue
        const by = this.confirmed.get(sequence)
        if (lost[at]?.includes(sequence)) {
          if (by === tag) throw new Error(`a repeat of the settle ${tag} is lost`)
        } else if (by !== undefined && by !== tag) {
          throw new Error(`settled twice: by ${by} and by ${tag}`)
        } else this.confirmed.set(sequence, tag)
      }
    })
  }

  deliver(): void {
    const { deliveries } = this.run({ _tag: "Deliver" })
    const expected = this.shadow.deliver(this.now.monotonicMs)
    same(
      deliveries.map((delivery) => this.seen(delivery)),
      expected,
      "deliveries",
    )
    for (const { messages } of expected) {
      for (const { sequence, attempt, redelivered, epoch = this.shadow.epoch } of messages) {
        const repeat = this.tags.has(`${sequence} ${epoch} ${attempt}`)
        this.tags.add(`${sequence} ${epoch} ${attempt}`)
        this.delivered.push({ sequence, epoch, attempt })
        if (repeat || redelivered) continue
        if (sequence <= this.newest) throw new Error("first deliveries are out of order")
        this.newest = sequence
      }
    }
  }

  tick(stallMs: number): void {
    const { deliveries } = this.run({ _tag: "Tick", stallMs })
    const expected = this.shadow.tick(stallMs, this.now.monotonicMs)
    const sorted = (list: readonly ShadowDelivery[]): ShadowDelivery[] =>
      [...list].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
    same(
      sorted(deliveries.map((delivery) => this.seen(delivery))),
      sorted(expected),
      "answers of a tick",
    )
  }

  private seen({ session, fetchNumber, runs }: Delivery): ShadowDelivery {
    return { session, fetchNumber, messages: this.seenOf(runs) }
  }

  seenOf(runs: readonly Run[]): Seen[] {
    const messages: Seen[] = []
    for (const run of runs) {
      const place = locate(this.state, run.frameFirst)
      same(
        [run.location, run.frameBytes, run.frameCount],
        [run.frameFirst * 10, run.frameCount * bytesEach, place?.count],
        "frame of a run",
      )
      for (let sequence = run.first; sequence <= run.last; sequence++) {
        const bit = sequence - run.first
        if (run.selection && ((run.selection[bit >>> 3] >>> (bit & 7)) & 1) === 0) continue
        const { attempt, epoch, failed, returned, redelivered } = run
        const older = epoch === undefined ? {} : { epoch }
        messages.push({ sequence, attempt, failed, returned, redelivered, ...older })
      }
    }
    return messages
  }

  /** Saves what changed, and goes on with a replica that was restored from chunks. */
  checkpoint(): void {
    same(unlocatedFrames(this.state), 0, "unlocated frames")
    const delta = checkpointDelta(this.state)
    for (const { key, bytes } of delta.put) this.chunks.set(key, Uint8Array.from(bytes))
    for (const key of delta.drop) {
      if (!this.chunks.delete(key)) throw new Error(`${key} is dropped but was never put`)
    }
    this.tail = []
    this.replica = this.recovered()
    same(digest(this.replica), digest(this.state), "restored digest")
  }

  /** The process dies; a new owner recovers and opens. */
  crash(): void {
    this.state = this.recovered()
    this.replica = this.recovered()
    const epoch = this.shadow.epoch + 1
    this.apply(decide(this.state, { _tag: "Open", epoch }, this.now))
    this.shadow.open(epoch)
  }

  /** A planned move; `given` false: the owner takes it back before the token is gone. */
  move(pausedMs: number, given: boolean): void {
    const paused = this.advance(pausedMs)
    const sessionLease = () => ({ leaseMs: 30_000, remainingMs: 20_000 })
    this.run({ _tag: "HandOver", pausedMs, sessionLease })
    if (!given) return
    this.state = this.recovered()
    this.replica = this.recovered()
    same(isHandedOver(this.state), true, "handed over")
    const epoch = this.shadow.epoch + 1
    this.apply(decide(this.state, { _tag: "Receive", epoch }, paused))
    this.shadow.move(epoch, pausedMs, limits.movedLeaseMinMs, paused.monotonicMs)
    same(isHandedOver(this.state), false, "handed over twice")
  }

  private recovered(): QueueState {
    const chunks = [...this.chunks].map(([key, bytes]) => ({ key, bytes }))
    const state = chunks.length === 0 ? emptyQueue(1) : restoreQueue(chunks)
    for (const bytes of this.tail) replay(state, bytes)
    framesDied(state)
    return state
  }

  newPublish(producer: string, frameNumber: number, count: number, dedup?: Uint8Array): Publish {
    const frame = { count, bytes: count * bytesEach, bodyBytesLargest: bytesEach }
    return {
      _tag: "Publish",
      producer,
      frameNumber,
      frame: dedup === undefined ? frame : { ...frame, dedup },
    }
  }

  advance(ms: number): Now {
    this.now = {
      journalMs: this.now.journalMs + ms,
      monotonicMs: this.now.monotonicMs + ms,
    }
    return this.now
  }
}

const replay = (state: QueueState, bytes: Uint8Array): void => {
  for (const { event } of decodeEvents(bytes)) {
    evolve(state, event as DurableEvent)
    if (event._tag === "FramePublished") relocate(state, event.first, event.first * 10)
  }
}

const ascending = (a: number, b: number): number => a - b

const keyOf = ({ session, fetchNumber }: ShadowDelivery): string =>
  `${session} ${String(fetchNumber).padStart(6, "0")}`

const equalBytes = (a: Uint8Array, b: Uint8Array | undefined): boolean =>
  b !== undefined && a.length === b.length && a.every((byte, at) => byte === b[at])
