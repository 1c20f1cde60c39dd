/**
 * Owns: how deliveries end at the consumer's word (DESIGN.md section 6), decided message by
 * message:
 *
 * | the message is | tag | answer |
 * |---|---|---|
 * | settled, handed out by two owners | not of the epoch that settled it | LeaseLost |
 * | settled, its block or counts gone | any other | ok |
 * | settled | older epoch, or its attempt was the last one | ok (the same settle again) |
 * | settled | otherwise | LeaseLost |
 * | leased | of this lease | accepted |
 * | leased | otherwise | LeaseLost |
 * | ready | of a delivery that was counted as ended | ack, reject: accepted; return, fail: ok |
 * | ready, flagged | older epoch, not yet counted | accepted |
 * | ready | otherwise: never issued | LeaseLost |
 *
 * Of two settles of one message in one command the first counts; an ack after a return is
 * LeaseLost.
 */
import { invariant, limits, type Outcome, type Sequence, skeinError } from "@skein/model"
import type { Settle, SettleAlone } from "../Command.js"
import type { Decision } from "../Decision.js"
import type { Ended, SettledLate } from "../Event.js"
import type { QueueState } from "../QueueState.js"
import type { Block } from "../state/Block.js"
import { flagged, leased, ready } from "../state/bits.js"
import { pushRange, rangesProblem } from "../state/ranges.js"
import { refuse } from "./decisions.js"

export const decideSettle = (state: QueueState, command: SettleAlone): Decision =>
  decideSettles(state, command.settles)

export const decideSettles = (state: QueueState, settles: readonly Settle[]): Decision => {
  let pairs = 0
  for (const settle of settles) {
    pairs += settle.ranges.length / 2
    const problem = rangesProblem(settle.ranges)
    if (problem !== undefined) return refuse(skeinError("ProtocolError", problem))
  }
  if (pairs > limits.settleRangesMax) {
    return refuse(
      skeinError("LimitExceeded", `${pairs} ranges are settled at once`, {
        settleRangesMax: limits.settleRangesMax,
      }),
    )
  }
  const events: Ended[] = []
  const late: SettledLate[] = []
  const lost: Sequence[][] = []
  let anyLost = false
  let named = 0
  for (const settle of settles) {
    const verdict = new Verdict(state, settle, events)
    for (let at = 0; at < settle.ranges.length; at += 2) {
      verdict.judge(settle.ranges[at], settle.ranges[at + 1])
    }
    named += (verdict.accepted.length + verdict.lost.length) / 2
    if (named > limits.eventRangesMax) return refuse(tooScattered)
    if (verdict.lost.length > 0) anyLost = true
    lost.push(verdict.lost)
    if (verdict.accepted.length > 0) {
      const { epoch, outcome } = settle
      events.push({ _tag: "Ended", outcome, ranges: verdict.accepted })
      if (epoch < state.epoch && removes(outcome)) {
        late.push({ _tag: "SettledLate", epoch, ranges: verdict.accepted })
      }
    }
  }
  return {
    events: [...events, ...late],
    reply: { _tag: "Settled", lost: anyLost ? lost : [] },
    deliveries: [],
  }
}

/** A wide range over messages of many others: no consumer holds so much. */
const tooScattered = skeinError("LimitExceeded", "a settle names too many separate deliveries", {
  eventRangesMax: limits.eventRangesMax,
})

/** One settle of a command, against the state and the settles before it in the command. */
class Verdict {
  readonly accepted: Sequence[] = []
  readonly lost: Sequence[] = []
  private readonly ends: boolean
  private readonly earlier: readonly Ended[]

  constructor(
    private readonly state: QueueState,
    private readonly settle: Settle,
    earlier: readonly Ended[],
  ) {
    this.ends = removes(settle.outcome)
    this.earlier = [...earlier]
  }

  judge(first: Sequence, last: Sequence): void {
    const { state } = this
    const known = Math.min(last, state.next - 1)
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

  /** Of these messages no block is left, so they were settled: ok, but for newer deliveries. */
  private judgeGone(first: Sequence, last: Sequence): void {
    if (first > last || this.state.redeliveries.isEmpty) return
    // However wide the range is, few blocks are remembered.
    for (const [from, to] of this.state.redeliveries.parts(first, last)) {
      for (let sequence = from; sequence <= to; sequence++) {
        if (this.isOutdated(sequence)) pushRange(this.lost, sequence, sequence)
      }
    }
  }

  /**
   * Of a message that is settled: another delivery than the settle's did it, as far as is known.
   */
  private isOutdated(sequence: Sequence): boolean {
    const epoch = this.state.redeliveries.epochOf(sequence)
    return epoch !== 0 && epoch !== this.settle.epoch
  }

  /** The settle is of first deliveries by this owner, and the first of its command. */
  private get plain(): boolean {
    const { epoch, attempt } = this.settle
    const { state } = this
    const own = epoch === state.epoch && state.leases.older === 0
    return own && attempt === 0 && this.earlier.length === 0
  }

  private judgeEach(block: Block, from: number, to: number): void {
    for (let offset = from; offset <= to; offset++) {
      const sequence = block.base + offset
      const answer = this.judgeEarlier(sequence) ?? this.judgeOne(block, offset, sequence)
      if (answer === "accepted") pushRange(this.accepted, sequence, sequence)
      else if (answer === "lost") pushRange(this.lost, sequence, sequence)
    }
  }

  private judgeEarlier(sequence: Sequence): "lost" | "ok" | undefined {
    for (const ended of this.earlier) {
      if (!covers(ended.ranges, sequence)) continue
      return this.ends && !removes(ended.outcome) ? "lost" : "ok"
    }
    return undefined
  }

  private judgeOne(block: Block, offset: number, sequence: Sequence): "accepted" | "lost" | "ok" {
    const { attempt, epoch } = this.settle
    const current = this.state.epoch
    const lane = block.lane(offset)
    if (epoch > current) return "lost"
    if ((lane & 3) === 0) {
      if (this.isOutdated(sequence)) return "lost"
      if (sequence < block.forgottenBelow || epoch < current) return "ok"
      return attempt === block.attempt(offset) ? "ok" : "lost"
    }
    const here = block.attempt(offset)
    if ((lane & 3) === leased) {
      const own = epoch === this.state.leases.leaseOf(block, sequence).epoch
      return own && attempt === here ? "accepted" : "lost"
    }
    invariant((lane & 3) === ready, "a message is in a state that does not exist yet")
    if (attempt > here) return "lost"
    if (attempt === here) return epoch < current && (lane & flagged) !== 0 ? "accepted" : "lost"
    return this.ends ? "accepted" : "ok"
  }
}

const removes = (outcome: Outcome): boolean => outcome === "ack" || outcome === "reject"

const covers = (ranges: readonly Sequence[], sequence: Sequence): boolean => {
  let low = 0
  let high = ranges.length / 2 - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    if (ranges[middle * 2 + 1] < sequence) low = middle + 1
    else if (ranges[middle * 2] > sequence) high = middle - 1
    else return true
  }
  return false
}

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
    state.leases.release(block, from, to, state.blocks.settle(block, from, to))
    return
  }
  state.leases.release(block, from, to, state.blocks.putBack(block, from, to))
  block.count(event.outcome === "fail" ? "failed" : "returned", from, to, state.lanes)
}
