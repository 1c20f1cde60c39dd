/**
 * Owns: which messages are leased to whom until when: as ranges, per block and ascending, each
 * pointing to its lease. A lease is what one fetch was given; an extension of a part of it splits
 * it. Volatile: gone with the owner.
 * Must not know: bits of messages (the caller keeps both in step).
 */
import { type Epoch, invariant, type Sequence } from "@skein/model"
import type { Block } from "./Block.js"
import type { Blocks } from "./Blocks.js"
import { DueHeap } from "./DueHeap.js"
import type { Session } from "./Sessions.js"

export interface Lease {
  readonly session: Session
  readonly fetchNumber: number
  /** Of the tags: an older one than the queue's when the lease came along in a planned move. */
  readonly epoch: Epoch
  untilMs: number
  /** Messages that are still leased under it. */
  remaining: number
  /** Pairs first, last of what it was given; some of it may have ended. */
  readonly given: readonly Sequence[]
  heapAt: number
}

/** A range of one block under one lease. */
export interface Held {
  first: Sequence
  last: Sequence
  lease: Lease
}

export class Leases {
  readonly due = new DueHeap<Lease>()
  /** The owner's. */
  epoch: Epoch = 0
  /** Messages leased under older epochs: their tags are not the owner's. */
  older = 0

  constructor(private readonly blocks: Blocks) {}

  /** A new lease; its ranges are put in by {@link hold}. */
  grant(
    session: Session,
    fetchNumber: number,
    epoch: Epoch,
    untilMs: number,
    given: readonly Sequence[],
  ): Lease {
    const lease: Lease = { session, fetchNumber, epoch, untilMs, remaining: 0, given, heapAt: -1 }
    session.hold(lease)
    this.due.add(lease)
    return lease
  }

  hold(lease: Lease, block: Block, from: number, to: number): void {
    const first = block.base + from
    const held: Held = { first, last: block.base + to, lease }
    // An empty list may be the one that blocks share.
    if (block.held.length === 0) block.held = [held]
    else block.held.splice(seekHeld(block, first), 0, held)
    if (lease.epoch < this.epoch) this.older += to - from + 1
    lease.remaining += to - from + 1
    lease.session.leased += to - from + 1
  }

  /** Deliveries of `count` messages within the range ended. */
  release(block: Block, from: number, to: number, count: number): void {
    if (count === 0) return
    const first = block.base + from
    const last = block.base + to
    let start = seekHeld(block, first)
    let released = 0
    let at = start
    while (at < block.held.length && block.held[at].first <= last) {
      at = cut(block, at, first, last)
      if (released === 0) start = at
      const held = block.held[at++]
      released += held.last - held.first + 1
      this.lessen(held.lease, held.last - held.first + 1)
    }
    block.held.splice(start, at - start)
    invariant(released === count, "leases and leased messages differ")
  }

  /** Pairs first, last of what is still leased under the lease, ascending. */
  heldOf(lease: Lease): Sequence[] {
    const ranges: Sequence[] = []
    for (let at = 0; at < lease.given.length; at += 2) {
      this.blocks.each(lease.given[at], lease.given[at + 1], (block, from, to) => {
        const last = block.base + to
        for (let place = seekHeld(block, block.base + from); place < block.held.length; place++) {
          const held = block.held[place]
          if (held.first > last) break
          if (held.lease === lease) {
            ranges.push(Math.max(held.first, block.base + from), Math.min(held.last, last))
          }
        }
      })
    }
    return ranges
  }

  /** The lease of this message; it must be leased. */
  leaseOf(block: Block, sequence: Sequence): Lease {
    const held = block.held[seekHeld(block, sequence)]
    invariant(held !== undefined && held.first <= sequence, "a leased message has no lease")
    return held.lease
  }

  /** Parts of `first..last` that are leased to the session by tags of `epoch`, ascending. */
  heldBy(session: Session, epoch: Epoch, first: Sequence, last: Sequence): Sequence[] {
    const ranges: Sequence[] = []
    this.blocks.each(first, last, (block, from, to) => {
      const end = block.base + to
      for (let place = seekHeld(block, block.base + from); place < block.held.length; place++) {
        const held = block.held[place]
        if (held.first > end) break
        if (held.lease.session !== session || held.lease.epoch !== epoch) continue
        ranges.push(Math.max(held.first, block.base + from), Math.min(held.last, end))
      }
    })
    return ranges
  }

  /** The session's messages in `ranges`, leased by tags of `epoch`, are leased until `untilMs`. */
  extend(session: Session, epoch: Epoch, ranges: readonly Sequence[], untilMs: number): void {
    const parts = new Map<Lease, Held[]>()
    for (let at = 0; at < ranges.length; at += 2) {
      this.blocks.each(ranges[at], ranges[at + 1], (block, from, to) => {
        const first = block.base + from
        const last = block.base + to
        for (let place = seekHeld(block, first); place < block.held.length; place++) {
          if (block.held[place].first > last) break
          const { lease } = block.held[place]
          if (lease.session !== session || lease.epoch !== epoch) continue
          place = cut(block, place, first, last)
          const held = block.held[place]
          const list = parts.get(held.lease)
          if (list === undefined) parts.set(held.lease, [held])
          else list.push(held)
        }
      })
    }
    for (const [lease, helds] of parts) this.extendPart(lease, helds, untilMs)
  }

  private extendPart(lease: Lease, helds: readonly Held[], untilMs: number): void {
    let count = 0
    for (const held of helds) count += held.last - held.first + 1
    if (count === lease.remaining) {
      lease.untilMs = untilMs
      this.due.moved(lease)
      return
    }
    const given = helds.flatMap((held) => [held.first, held.last])
    const part = this.grant(lease.session, lease.fetchNumber, lease.epoch, untilMs, given)
    part.remaining = count
    lease.remaining -= count
    for (const held of helds) held.lease = part
  }

  private lessen(lease: Lease, count: number): void {
    if (lease.epoch < this.epoch) this.older -= count
    lease.remaining -= count
    lease.session.leased -= count
    if (lease.remaining > 0) return
    this.due.remove(lease)
    lease.session.drop(lease)
  }
}

/** Place of the first held range that ends at or after `first`. */
const seekHeld = (block: Block, first: Sequence): number => {
  let low = 0
  let high = block.held.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (block.held[middle].last < first) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * Splits the range at `place` so that what lies in `first..last` is a range of its own; its place.
 */
const cut = (block: Block, place: number, first: Sequence, last: Sequence): number => {
  const held = block.held[place]
  if (held.first < first) {
    block.held.splice(place, 0, { first: held.first, last: first - 1, lease: held.lease })
    held.first = first
    place++
  }
  if (held.last > last) {
    block.held.splice(place + 1, 0, { first: last + 1, last: held.last, lease: held.lease })
    held.last = last
  }
  return place
}
