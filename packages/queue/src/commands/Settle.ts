/**
 * Owns: how deliveries end at the consumer's word (DESIGN.md section 6), decided message by
 * message:
 *
 * | the message is | tag | answer |
 * |---|---|---|
 * | any | of an epoch to come | LeaseLost |
 * | settled, handed out more than once | the one that settled it | ok (the same settle again) |
 * | settled, handed out more than once | any other | LeaseLost |
 * | settled, handed out once, or it is forgotten by whom (state/Settlers.ts) | any | ok |
 * | leased | of this lease | accepted |
 * | leased | otherwise | LeaseLost |
 * | ready | of a delivery that was counted as ended | ack, reject: accepted; return, fail: ok |
 * | ready, flagged | older epoch, not yet counted | accepted |
 * | ready | otherwise: never issued | LeaseLost |
 *
 * Of several settles of one message in one command the first counts. The others are ok if they have
 * its tag (but an ack after a return is LeaseLost), or if all that is asked for is to put back what
 * is put back; else LeaseLost.
 */
import {
  invariant,
  limits,
  type Outcome,
  type Sequence,
  type SkeinError,
  skeinError,
} from "@skein/model"
import type { Settle, SettleAlone } from "../Command.js"
import type { Decision } from "../Decision.js"
import type { Ended } from "../Event.js"
import type { QueueState } from "../QueueState.js"
import type { Block } from "../state/Block.js"
import { flagged, leased, ready } from "../state/bits.js"
import { countRanges, pushRange, rangesProblem, tooMuchNamed } from "../state/ranges.js"
import { isSame, type Tag } from "../state/Settlers.js"
import { refuse } from "./decisions.js"

export const decideSettle = (state: QueueState, command: SettleAlone): Decision =>
  decideSettles(state, command.settles)

export const decideSettles = (state: QueueState, settles: readonly Settle[]): Decision => {
  const problem = settlesProblem(settles)
  if (problem !== undefined) return refuse(problem)
  const events: Ended[] = []
  const earlier: Earlier = new Map()
  const lost: Sequence[][] = []
  let anyLost = false
  settles.forEach((settle, at) => {
    const verdict = new Verdict(state, settle, earlier)
    for (let pair = 0; pair < settle.ranges.length; pair += 2) {
      verdict.judge(settle.ranges[pair], settle.ranges[pair + 1])
    }
    if (verdict.lost.length > 0) anyLost = true
    lost.push(verdict.lost)
    for (const event of verdict.ended()) {
      events.push(event)
      // The last one has nobody after it: most commands are of one settle.
      if (at < settles.length - 1) note(earlier, settle, event.ranges)
    }
  })
  return {
    events,
    reply: { _tag: "Settled", lost: anyLost ? lost : [] },
    deliveries: [],
  }
}

/**
 * What is refused before any message is looked at. A session cannot hold more messages than the
 * budget, so a settle that names more is not one of a consumer; it also bounds the events' ranges.
 */
const settlesProblem = (settles: readonly Settle[]): SkeinError | undefined => {
  if (settles.length > limits.settlesPerRequestMax) {
    return skeinError("LimitExceeded", `${settles.length} settles come at once`, {
      settlesPerRequestMax: limits.settlesPerRequestMax,
    })
  }
  let pairs = 0
  let messages = 0
  for (const { ranges } of settles) {
    const problem = rangesProblem(ranges)
    if (problem !== undefined) return skeinError("ProtocolError", problem)
    pairs += ranges.length / 2
    messages += countRanges(ranges)
  }
  return tooMuchNamed(pairs, messages)
}

/** By message: the settle before in the same command that ended its delivery. */
type Earlier = Map<Sequence, Settle>

const note = (earlier: Earlier, settle: Settle, ranges: readonly Sequence[]): void => {
  for (let at = 0; at < ranges.length; at += 2) {
    for (let sequence = ranges[at]; sequence <= ranges[at + 1]; sequence++) {
      earlier.set(sequence, settle)
    }
  }
}

/** One settle of a command, against the state and the settles before it in the command. */
class Verdict {
  /** Of the messages' latest deliveries. */
  readonly accepted: Sequence[] = []
  /** Acks and rejects of deliveries that were counted as ended, or of an older owner's. */
  readonly late: Sequence[] = []
  readonly lost: Sequence[] = []
  private readonly ends: boolean

  constructor(
    private readonly state: QueueState,
    private readonly settle: Settle,
    private readonly earlier: ReadonlyMap<Sequence, Settle>,
  ) {
    this.ends = removes(settle.outcome)
  }

  ended(): Ended[] {
    const { outcome, epoch, attempt } = this.settle
    const events: Ended[] = []
    if (this.accepted.length > 0) events.push({ _tag: "Ended", outcome, ranges: this.accepted })
    if (this.late.length > 0) {
      events.push({ _tag: "Ended", outcome, by: { epoch, attempt }, ranges: this.late })
    }
    return events
  }

  judge(first: Sequence, last: Sequence): void {
    const { state } = this
    const known = this.settle.epoch > state.epoch ? first - 1 : Math.min(last, state.next - 1)
    if (first <= known) {
      let covered = first
      state.blocks.each(first, known, (block, from, to) => {
        this.judgeGone(covered, block.base + from - 1)
        covered = block.base + to + 1
        if (this.plain && block.plainlyLeased(from, to)) {
          pushRange(this.accepted, block.base + from, block.base + to)
        } else this.judgeEach(block, from, to)
      })
      invariant(covered <= known + 1, "blocks lie outside of the range")
      this.judgeGone(covered, known)
    }
    if (last > known) pushRange(this.lost, Math.max(first, known + 1), last)
  }

  /** Of these messages no block is left, so they were settled. */
  private judgeGone(first: Sequence, last: Sequence): void {
    if (first > last || this.state.settlers.isEmpty) return
    // However wide the range is, few blocks are remembered.
    for (const [from, to] of this.state.settlers.parts(first, last)) {
      for (let sequence = from; sequence <= to; sequence++) {
        if (this.judgeSettled(sequence) === "lost") pushRange(this.lost, sequence, sequence)
      }
    }
  }

  private judgeSettled(sequence: Sequence): "lost" | "ok" {
    const by = this.state.settlers.find(sequence)
    return by === undefined || isSame(by, this.settle) ? "ok" : "lost"
  }

  /** The settle is of first deliveries by this owner, and the first of its command. */
  private get plain(): boolean {
    const { epoch, attempt } = this.settle
    const { state } = this
    const own = epoch === state.epoch && state.leases.older === 0
    return own && attempt === 0 && this.earlier.size === 0
  }

  private judgeEach(block: Block, from: number, to: number): void {
    for (let offset = from; offset <= to; offset++) {
      const sequence = block.base + offset
      const answer = this.judgeEarlier(sequence) ?? this.judgeOne(block, offset, sequence)
      if (answer === "accepted") pushRange(this.accepted, sequence, sequence)
      else if (answer === "late") pushRange(this.late, sequence, sequence)
      else if (answer === "lost") pushRange(this.lost, sequence, sequence)
    }
  }

  private judgeEarlier(sequence: Sequence): "lost" | "ok" | undefined {
    const before = this.earlier.get(sequence)
    if (before === undefined) return undefined
    if (removes(before.outcome)) return isSame(before, this.settle) ? "ok" : "lost"
    return this.ends ? "lost" : "ok"
  }

  private judgeOne(
    block: Block,
    offset: number,
    sequence: Sequence,
  ): "accepted" | "late" | "lost" | "ok" {
    const { attempt, epoch } = this.settle
    const current = this.state.epoch
    const lane = block.lane(offset)
    if ((lane & 3) === 0) return this.judgeSettled(sequence)
    const here = block.attempt(offset)
    if ((lane & 3) === leased) {
      const own = epoch === this.state.leases.leaseOf(block, sequence).epoch
      if (!own || attempt !== here) return "lost"
      // A lease that came along in a planned move.
      return this.ends && epoch < current ? "late" : "accepted"
    }
    invariant((lane & 3) === ready, "a message is in a state that does not exist yet")
    if (attempt > here) return "lost"
    if (attempt < here) return this.ends ? "late" : "ok"
    if (epoch === current || (lane & flagged) === 0) return "lost"
    return this.ends ? "late" : "accepted"
  }
}

const removes = (outcome: Outcome): boolean => outcome === "ack" || outcome === "reject"

/** Deliveries ended: the messages go, or return to their places with one more ended delivery. */
export const evolveEnded = (state: QueueState, event: Ended): void => {
  const { ranges, outcome } = event
  let count = 0
  for (let at = 0; at < ranges.length; at += 2) {
    const first = ranges[at]
    const last = ranges[at + 1]
    count += last - first + 1
    state.blocks.every(first, last, (block, from, to) => endPart(state, event, block, from, to))
    if (removes(outcome)) state.blocks.sweep(first, last, state.next)
  }
  if (outcome === "ack") state.counters.acked += count
  else if (outcome === "reject") state.counters.rejected += count
  else if (outcome === "return") state.counters.returned += count
  else state.counters.failed += count
  if (outcome === "fail" && event.cause === "expired") state.counters.expired += count
  if (outcome === "fail" && event.cause === "lost") state.counters.lost += count
}

const endPart = (state: QueueState, event: Ended, block: Block, from: number, to: number): void => {
  if (removes(event.outcome)) {
    noteSettlers(state, block, from, to, event.by)
    state.leases.release(block, from, to, state.blocks.settle(block, from, to))
    return
  }
  state.leases.release(block, from, to, state.blocks.putBack(block, from, to))
  block.count(event.outcome === "fail" ? "failed" : "returned", from, to, state.lanes)
}

/**
 * Before messages go: those that may have been handed out more than once were settled by their
 * latest delivery, unless `by` says by which (or by nobody: a purge).
 */
export const noteSettlers = (
  state: QueueState,
  block: Block,
  from: number,
  to: number,
  by?: Tag,
): void => {
  if (block.isPlain) return
  for (let offset = from; offset <= to; ) {
    const attempt = block.attempt(offset)
    const wasOut = block.wasOut(offset)
    let end = offset + 1
    while (end <= to && block.attempt(end) === attempt && block.wasOut(end) === wasOut) end++
    if (wasOut) {
      const tag = by ?? { epoch: state.epoch, attempt }
      state.settlers.note(block.base + offset, block.base + end - 1, tag)
    }
    offset = end
  }
}
