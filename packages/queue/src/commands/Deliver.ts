/**
 * Owns: giving ready messages to waiting fetches: oldest message first, one fetch of each session
 * in turn. A repeated fetch gets what is still leased under its number; one whose wait is over and
 * for which nothing is ready gets an empty answer.
 */
import { invariant, limits, type Now, type Sequence } from "@skein/model"
import type { Decision, Delivery } from "../Decision.js"
import type { Event, Leased, Redelivered, Touched } from "../Event.js"
import type { QueueState } from "../QueueState.js"
import type { Block } from "../state/Block.js"
import { blockMessages, readyLanes } from "../state/bits.js"
import { RunBuilder } from "../state/RunBuilder.js"
import { sortedRanges } from "../state/ranges.js"
import type { Session, Wait } from "../state/Sessions.js"
import { done } from "./decisions.js"

export const decideDeliver = (state: QueueState, now: Now): Decision => {
  if (state.sessions.turns.length === 0) return done()
  const deal = new Deal(state, now)
  // Each round gives every session that still waits one fetch.
  let sessions: readonly Session[] = state.sessions.turns
  for (let round = 0; sessions.length > 0 && !deal.over; round++) {
    const again: Session[] = []
    for (const session of sessions) {
      if (deal.over) break
      deal.answer(session.waits[round])
      if (round + 1 < session.waits.length) again.push(session)
    }
    sessions = again
  }
  return { ...done(deal.events, deal.deliveries), ...(deal.spent && { more: true }) }
}

/**
 * One pass over the ready messages; remembers what it has given, because the state may not change.
 */
class Deal {
  readonly events: Event[] = []
  readonly deliveries: Delivery[] = []
  private block: Block | undefined
  private offset: number
  /** Repeats, and waits that are over, are answered even if nothing is ready. */
  private readonly mustAnswer: boolean
  private readonly touched = new Set<Block>()
  private readonly given = new Map<Session, number>()
  /** Ranges of events that are journaled. */
  private journaled = 0

  constructor(
    private readonly state: QueueState,
    private readonly now: Now,
  ) {
    this.block = state.blocks.readyBlock
    this.offset = this.block?.readyFrom ?? 0
    const { waits, repeats } = state.sessions
    this.mustAnswer = repeats > 0 || waits.nextMs <= now.monotonicMs
    this.skipEmpty()
  }

  /** Nothing is left to give, and nobody must be answered without; or it is enough for now. */
  get over(): boolean {
    return this.spent || (this.block === undefined && !this.mustAnswer)
  }

  /** The events are as large as those of one decision may be. */
  get spent(): boolean {
    return this.journaled >= limits.eventRangesMax
  }

  answer(wait: Wait): void {
    const { session, fetchNumber } = wait
    if (wait.repeat) {
      this.end(wait, heldRuns(this.state, session, fetchNumber))
      return
    }
    const had = session.leased + (this.given.get(session) ?? 0)
    const room = Math.min(wait.messagesMax, limits.leasedPerSessionMax - had)
    const builder = room <= 0 ? undefined : this.take(room, wait.bytesMax)
    if (builder === undefined || builder.messages === 0) {
      if (wait.untilMs <= this.now.monotonicMs) this.end(wait, [])
      return
    }
    this.given.set(session, builder.messages + (this.given.get(session) ?? 0))
    if (builder.again.length > 0) {
      this.journaled += builder.again.length / 2
      this.events.push({ _tag: "Redelivered", ranges: builder.again })
    }
    this.events.push({
      _tag: "Leased",
      session: session.id,
      fetchNumber,
      epoch: this.state.epoch,
      untilMs: this.now.monotonicMs + this.state.policy.leaseMs,
      ranges: builder.ranges,
    })
    this.deliveries.push({ session: session.id, fetchNumber, runs: builder.runs })
  }

  private take(messagesMax: number, bytesMax: number): RunBuilder {
    const builder = new RunBuilder(this.state.blocks, messagesMax, bytesMax)
    while (this.block !== undefined && !builder.full) {
      const to = this.block.runEnd(readyLanes, this.offset, blockMessages - 1)
      const before = builder.unjournaled
      this.offset = builder.take(this.block, this.offset, to)
      if (builder.unjournaled > before) this.touch(this.block)
      this.skipEmpty()
    }
    return builder.done()
  }

  /** Goes to the next ready message, or past the last block. */
  private skipEmpty(): void {
    while (this.block !== undefined) {
      if (this.block.ready > 0) {
        this.offset = this.block.seek(readyLanes, this.offset)
        if (this.offset < blockMessages) return
      }
      this.block = this.block.next
      this.offset = this.block?.readyFrom ?? 0
    }
  }

  /** Something of the block goes out that is not journaled as a delivery of its own. */
  private touch(block: Block): void {
    if (block.touched || this.touched.has(block)) return
    this.touched.add(block)
    this.events.push({ _tag: "Touched", block: block.index })
  }

  private end(wait: Wait, runs: Delivery["runs"]): void {
    const { session, fetchNumber } = wait
    this.events.push({ _tag: "FetchEnded", session: session.id, fetchNumber })
    this.deliveries.push({ session: session.id, fetchNumber, runs })
  }
}

/** What is still leased under the fetch number. */
const heldRuns = (state: QueueState, session: Session, fetchNumber: number): Delivery["runs"] => {
  const held: Sequence[] = []
  // All of one fetch was leased by one owner.
  let epoch = state.epoch
  for (const lease of session.leases) {
    if (lease.fetchNumber !== fetchNumber) continue
    epoch = lease.epoch
    held.push(...state.leases.heldOf(lease))
  }
  const builder = new RunBuilder(state.blocks, limits.fetchMessagesMax, Number.POSITIVE_INFINITY)
  const ranges = sortedRanges(held)
  for (let at = 0; at < ranges.length; at += 2) {
    state.blocks.each(ranges[at], ranges[at + 1], (block, from, to) => {
      builder.take(block, from, to)
    })
  }
  const { runs } = builder.done()
  return epoch === state.epoch ? runs : runs.map((run) => ({ ...run, epoch }))
}

export const evolveTouched = (state: QueueState, event: Touched): void => {
  const block = state.blocks.byIndex.get(event.block)
  invariant(block !== undefined, "a block is touched that is gone")
  block.touch(state.lanes)
  block.dirty = true
}

export const evolveRedelivered = (state: QueueState, event: Redelivered): void => {
  for (let at = 0; at < event.ranges.length; at += 2) {
    state.blocks.every(event.ranges[at], event.ranges[at + 1], (block, from, to) => {
      block.markOpen(from, to, state.lanes)
      block.dirty = true
    })
  }
}

export const evolveLeased = (state: QueueState, event: Leased): void => {
  const session = state.sessions.of(event.session)
  state.sessions.answer(event.session, event.fetchNumber, true)
  const lease = state.leases.grant(
    session,
    event.fetchNumber,
    event.epoch,
    event.untilMs,
    event.ranges,
  )
  for (let at = 0; at < event.ranges.length; at += 2) {
    state.blocks.every(event.ranges[at], event.ranges[at + 1], (block, from, to) => {
      state.blocks.lease(block, from, to)
      state.leases.hold(lease, block, from, to)
    })
  }
}
