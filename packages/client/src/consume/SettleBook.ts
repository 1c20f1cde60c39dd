/**
 * Owns: settles on their way: gathered by outcome, epoch and attempt, merged into ranges, taken as
 * loads for one request each, and what the answer means for each that waits.
 * Must not know: which request carries a load.
 */
import { type Epoch, limits, type Outcome, type Sequence, type SkeinError } from "@skein/model"
import type { Settle, SettleAnswer } from "@skein/wire"
import { cutRanges } from "./cutRanges.js"

/** What a settle says of a delivery beside its sequence. */
export interface DeliveryRef {
  readonly epoch: Epoch
  readonly attempt: number
}

/** Hears how the settle of `first..last` ended, once; later calls are ignored. */
export interface SettleWaiter {
  readonly first: Sequence
  readonly last: Sequence
  readonly deadlineMs: number
  /** It heard its end. */
  readonly ended: boolean
  /** The deadline is over; what becomes of the settle is unknown to the caller. */
  readonly expired: () => void
  /** `lost`: pairs `first, last` refused with LeaseLost, some of them maybe of others. */
  readonly settled: (lost: readonly Sequence[]) => void
  readonly failed: (error: SkeinError) => void
}

/** What one request carries. Repeating it is harmless: the same settle again is ok. */
export class SettleLoad {
  readonly settles: readonly Settle[]
  /** A fetch that carried it was refused, maybe for its sake: it goes by itself from now on. */
  alone = false
  readonly #waiters: readonly (readonly SettleWaiter[])[]

  constructor(settles: readonly Settle[], waiters: readonly (readonly SettleWaiter[])[]) {
    this.settles = settles
    this.#waiters = waiters
  }

  /** Whether `answer` can be one to these settles: nothing was lost, or a list for each of them. */
  isAnsweredBy(answer: SettleAnswer): boolean {
    return answer.length === 0 || answer.length === this.settles.length
  }

  /** `answer` is one to these settles. */
  confirmed(answer: SettleAnswer): void {
    for (let at = 0; at < this.#waiters.length; at++) {
      const lost = answer.length === 0 ? none : answer[at]
      for (const waiter of this.#waiters[at]) waiter.settled(lost)
    }
  }

  forEach(look: (waiter: SettleWaiter) => void): void {
    for (const waiters of this.#waiters) for (const waiter of waiters) look(waiter)
  }
}

const none: readonly Sequence[] = []

interface Group {
  readonly outcome: Outcome
  readonly epoch: Epoch
  readonly attempt: number
  ranges: Sequence[]
  ascending: boolean
  readonly waiters: SettleWaiter[]
}

export class SettleBook {
  #groups: Group[] = []

  get isEmpty(): boolean {
    return this.#groups.length === 0
  }

  add(
    outcome: Outcome,
    delivery: DeliveryRef,
    first: Sequence,
    last: Sequence,
    waiter: SettleWaiter,
  ): void {
    const group = this.#group(outcome, delivery.epoch, delivery.attempt)
    const ranges = group.ranges
    const end = ranges.length
    if (end > 0 && ranges[end - 1] + 1 === first) ranges[end - 1] = last
    else {
      if (end > 0 && first < ranges[end - 1]) group.ascending = false
      ranges.push(first, last)
    }
    group.waiters.push(waiter)
  }

  /** All that waits, as far as one request may carry it. */
  take(): SettleLoad | undefined {
    if (this.#groups.length === 0) return undefined
    const settles: Settle[] = []
    const waiters: SettleWaiter[][] = []
    let rangesLeft = limits.settleRangesMax
    let messagesLeft = limits.leasedPerSessionMax
    let taken = 0
    for (const group of this.#groups) {
      if (taken === limits.settlesPerRequestMax) break
      if (!group.ascending) group.ranges = ascendingRanges(group.ranges)
      const ranges = group.ranges.length / 2
      const messages = messagesIn(group.ranges)
      if (ranges > rangesLeft || messages > messagesLeft) {
        if (settles.length === 0) {
          const head = splitGroup(group)
          settles.push(settleOf(head))
          waiters.push(head.waiters)
        }
        break
      }
      rangesLeft -= ranges
      messagesLeft -= messages
      settles.push(settleOf(group))
      waiters.push(group.waiters)
      taken++
    }
    this.#groups = this.#groups.slice(taken)
    return new SettleLoad(settles, waiters)
  }

  forEach(look: (waiter: SettleWaiter) => void): void {
    for (const group of this.#groups) group.waiters.forEach(look)
  }

  clear(): void {
    this.#groups = []
  }

  #group(outcome: Outcome, epoch: Epoch, attempt: number): Group {
    // A handful at most: outcomes times attempts that are alive in one tick.
    for (const group of this.#groups) {
      if (group.outcome === outcome && group.attempt === attempt && group.epoch === epoch) {
        return group
      }
    }
    const group: Group = { outcome, epoch, attempt, ranges: [], ascending: true, waiters: [] }
    this.#groups.push(group)
    return group
  }
}

const settleOf = (group: Group): Settle => ({
  outcome: group.outcome,
  epoch: group.epoch,
  attempt: group.attempt,
  ranges: group.ranges,
})

const messagesIn = (ranges: readonly Sequence[]): number => {
  let messages = 0
  for (let at = 0; at < ranges.length; at += 2) messages += ranges[at + 1] - ranges[at] + 1
  return messages
}

/** Cuts off what one request may carry, with those who wait for it. */
const splitGroup = (group: Group): Group => {
  const { settleRangesMax: pairsMax, leasedPerSessionMax: messagesMax } = limits
  let cut = cutRanges(group.ranges, pairsMax, messagesMax)
  const cutEnd = cut.head[cut.head.length - 1]
  // Nobody is cut in two: one answer must tell a waiter of all that it lost.
  const across = group.waiters.find(({ first, last }) => first <= cutEnd && last > cutEnd)
  if (across !== undefined) {
    const before = cut.messages - (cutEnd - across.first + 1)
    cut = cutRanges(group.ranges, pairsMax, before)
  }
  const { head } = cut
  group.ranges = cut.rest
  const end = head[head.length - 1]
  const waiters = group.waiters.filter((waiter) => waiter.last <= end)
  const rest = group.waiters.filter((waiter) => waiter.last > end)
  group.waiters.length = 0
  for (const waiter of rest) group.waiters.push(waiter)
  return { ...group, ranges: head, waiters }
}

/** Sorted and merged where they touch; none overlap, since a delivery is settled once. */
const ascendingRanges = (ranges: readonly Sequence[]): Sequence[] => {
  const pairs: (readonly [Sequence, Sequence])[] = []
  for (let at = 0; at < ranges.length; at += 2) pairs.push([ranges[at], ranges[at + 1]])
  pairs.sort((a, b) => a[0] - b[0])
  const merged: Sequence[] = []
  for (const [first, last] of pairs) {
    if (merged.length > 0 && merged[merged.length - 1] + 1 === first) {
      merged[merged.length - 1] = last
    } else merged.push(first, last)
  }
  return merged
}
