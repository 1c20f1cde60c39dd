/**
 * Owns: 4,096 messages that follow one another: their bits, counts and frames, and the facts about
 * them in the digest. Offsets are positions in the block; sequences are `base + offset`.
 * Must not know: commands, sessions, other blocks.
 */
import { invariant, type Sequence } from "@skein/model"
import * as Bits from "./bits.js"
import { FrameTable } from "./FrameTable.js"
import { Fact, type Lanes } from "./Lanes.js"
import type { Held } from "./Leases.js"
import { Tally } from "./Tally.js"
import { giveWords, takeWords } from "./wordsPool.js"

const noHeld: Held[] = []

export class Block {
  readonly base: Sequence
  previous: Block | undefined
  next: Block | undefined
  words: Uint32Array | undefined
  ready = 0
  leased = 0
  /** Bits set in the flagged and open places together: 0 allows the short ways. */
  marks = 0
  /** No message below this offset is ready. */
  readyFrom = 0
  /** No message below this offset is unsettled. */
  unsettledFrom = 0
  /** Something of it was handed out under this epoch. */
  touched = false
  /** Journal time at which its oldest unsettled message can have come at the earliest. */
  sinceMs = 0
  failed: Tally | undefined
  returned: Tally | undefined
  readonly frames = new FrameTable()
  /** What is leased of it, ascending. Shared and empty until something is. */
  held: Held[] = noHeld
  /** It changed since the last checkpoint; a checkpoint holds it. */
  dirty = false
  saved = false

  constructor(readonly index: number) {
    this.base = index * Bits.blockMessages
  }

  get unsettled(): number {
    return this.ready + this.leased
  }

  lane(offset: number): number {
    return this.words === undefined ? 0 : (this.words[offset >>> 3] >>> ((offset & 7) * 4)) & 15
  }

  failures(offset: number): number {
    return this.failed === undefined ? 0 : this.failed.values[offset]
  }

  returns(offset: number): number {
    return this.returned === undefined ? 0 : this.returned.values[offset]
  }

  /** No message of it has ended deliveries or may have been out under an earlier owner. */
  get isPlain(): boolean {
    return this.marks === 0 && this.failed === undefined && this.returned === undefined
  }

  /** The message had a delivery before the latest one, or may have had. */
  wasOut(offset: number): boolean {
    return (this.lane(offset) & Bits.flagged) !== 0 || this.attempt(offset) > 0
  }

  /** How many deliveries of the message have ended: the attempt of its current or next one. */
  attempt(offset: number): number {
    return this.failures(offset) + this.returns(offset)
  }

  /** New messages. */
  add(first: number, last: number): void {
    this.words ??= takeWords()
    if (this.unsettled === 0) this.unsettledFrom = first
    for (let at = first >>> 3; at <= last >>> 3; at++) {
      const mask = Bits.laneMask(at, first, last)
      invariant((this.words[at] & mask) === 0, "a message is published in a place that is taken")
      this.words[at] |= Bits.low & mask
    }
    this.ready += last - first + 1
    if (first < this.readyFrom) this.readyFrom = first
  }

  /** Ready messages go out. */
  lease(first: number, last: number): void {
    const words = this.words
    invariant(words !== undefined, "a message is leased of an empty block")
    for (let at = first >>> 3; at <= last >>> 3; at++) {
      const mask = Bits.laneMask(at, first, last)
      invariant(
        (words[at] & mask & Bits.stateBits) === (Bits.low & mask),
        "a message is leased that is not ready",
      )
      words[at] ^= Bits.stateBits & mask
    }
    this.ready -= last - first + 1
    this.leased += last - first + 1
    if (first <= this.readyFrom) this.readyFrom = last + 1
  }

  /** Takes unsettled messages away; how many of them were leased. */
  settle(first: number, last: number, lanes: Lanes): number {
    const words = this.words
    invariant(words !== undefined, "a message is settled of an empty block")
    if (!this.isPlain) this.forgetFacts(first, last, lanes)
    let leased = 0
    for (let at = first >>> 3; at <= last >>> 3; at++) {
      const mask = Bits.laneMask(at, first, last)
      const word = words[at] & mask
      invariant(Bits.unsettledLanes(word) === (Bits.low & mask), "a message is settled twice")
      leased += Bits.countLanes(Bits.leasedLanes(word))
      words[at] &= ~mask
    }
    this.leased -= leased
    this.ready -= last - first + 1 - leased
    if (first <= this.unsettledFrom) this.unsettledFrom = last + 1
    return leased
  }

  /** Unsettled messages go back to their places; how many of them were leased. */
  putBack(first: number, last: number, lanes: Lanes): number {
    const words = this.words
    invariant(words !== undefined, "a message is put back into an empty block")
    if (this.marks > 0) this.unmark(Bits.openLanes, Bits.open, Fact.open, first, last, lanes)
    let leased = 0
    for (let at = first >>> 3; at <= last >>> 3; at++) {
      const mask = Bits.laneMask(at, first, last)
      const word = words[at] & mask
      invariant(Bits.unsettledLanes(word) === (Bits.low & mask), "a settled message is put back")
      leased += Bits.countLanes(Bits.leasedLanes(word))
      words[at] = (words[at] & ~(Bits.stateBits & mask)) | (Bits.low & mask)
    }
    this.leased -= leased
    this.ready += leased
    if (first < this.readyFrom) this.readyFrom = first
    return leased
  }

  /** A delivery of these messages is journaled. */
  markOpen(first: number, last: number, lanes: Lanes): void {
    this.mark(Bits.openLanes, Bits.open, Fact.open, first, last, lanes)
  }

  /** Counts an ended delivery of each message of the range. */
  count(kind: "failed" | "returned", first: number, last: number, lanes: Lanes): void {
    const tally = this[kind] ?? new Tally()
    this[kind] = tally
    const fact = kind === "failed" ? Fact.failed : Fact.returned
    let full = 0
    for (let offset = first; offset <= last; offset++) {
      if (tally.add(offset)) continue
      full++
      lanes.span(fact, this.base + offset, this.base + offset, -1)
    }
    invariant(full <= last - first + 1, "more counts are full than there are messages")
    lanes.span(fact, this.base + first, this.base + last, 1)
  }

  touch(lanes: Lanes): void {
    invariant(!this.touched, "a block is touched twice")
    this.touched = true
    lanes.span(Fact.touched, this.index, this.index, 1)
  }

  untouch(lanes: Lanes): void {
    if (!this.touched) return
    this.touched = false
    lanes.span(Fact.touched, this.index, this.index, -1)
  }

  /**
   * The owner is gone: leases end without a count, what may have been handed out is flagged, open
   * deliveries have failed. How many failed. (What is open was flagged before, or is touched.)
   */
  reopen(lanes: Lanes): number {
    const end = Bits.blockMessages - 1
    let failures = 0
    this.held = noHeld
    if (this.words !== undefined) {
      if (this.marks > 0) {
        this.runs(Bits.openLanes, 0, end, (first, last) => {
          failures += last - first + 1
          this.count("failed", first, last, lanes)
        })
      }
      if (this.touched) {
        this.runs(Bits.unsettledLanes, 0, end, (first, last) =>
          this.mark(Bits.flaggedLanes, Bits.flagged, Fact.flagged, first, last, lanes),
        )
      }
      this.runs(Bits.unsettledLanes, 0, end, (first, last) => this.putBack(first, last, lanes))
    }
    this.untouch(lanes)
    return failures
  }

  /** Nothing is unsettled: bits and counts go. `next`: sequence of the queue's next message. */
  drain(next: Sequence): void {
    invariant(this.unsettled === 0, "a block with unsettled messages is drained")
    invariant(this.marks === 0, "a drained block has marks")
    if (this.words !== undefined) giveWords(this.words)
    this.words = undefined
    this.failed = undefined
    this.returned = undefined
    this.held = noHeld
    this.readyFrom = Math.min(next - this.base, Bits.blockMessages)
    if (this.frames.alive === 0) this.frames.clear()
  }

  /** First offset from `from` on that `select` picks; `blockMessages` when there is none. */
  seek(select: Bits.Select, from: number): number {
    const words = this.words
    if (words === undefined || from >= Bits.blockMessages) return Bits.blockMessages
    let at = from >>> 3
    let lanes = select(words[at]) & (-1 << ((from & 7) * 4))
    while (lanes === 0) {
      if (++at === Bits.blockWords) return Bits.blockMessages
      lanes = select(words[at])
    }
    return at * 8 + Bits.firstLane(lanes)
  }

  /** Last offset up to `to` of the unbroken run that `select` picks from `from` on. */
  runEnd(select: Bits.Select, from: number, to: number): number {
    const words = this.words
    invariant(words !== undefined, "a run is sought in an empty block")
    let at = from >>> 3
    let misses = ~select(words[at]) & Bits.low & (-1 << ((from & 7) * 4))
    while (misses === 0) {
      if (++at > to >>> 3) return to
      misses = ~select(words[at]) & Bits.low
    }
    return Math.min(at * 8 + Bits.firstLane(misses) - 1, to)
  }

  /** Each unbroken run in `first..last` that `select` picks, ascending. */
  runs(
    select: Bits.Select,
    first: number,
    last: number,
    visit: (first: number, last: number) => void,
  ): void {
    let from = this.seek(select, first)
    while (from <= last) {
      const to = this.runEnd(select, from, last)
      visit(from, to)
      from = this.seek(select, to + 1)
    }
  }

  /** Whether every message of the range is leased and has neither marks nor counts. */
  plainlyLeased(first: number, last: number): boolean {
    const words = this.words
    if (words === undefined || !this.isPlain) return false
    for (let at = first >>> 3; at <= last >>> 3; at++) {
      const mask = Bits.laneMask(at, first, last)
      if ((words[at] & mask) !== (Bits.allLeased & mask)) return false
    }
    return true
  }

  private mark(
    select: Bits.Select,
    bit: number,
    fact: Fact,
    first: number,
    last: number,
    lanes: Lanes,
  ): void {
    const words = this.words
    invariant(words !== undefined, "a message is marked in an empty block")
    for (let at = first >>> 3; at <= last >>> 3; at++) {
      const unset = ~select(words[at]) & Bits.low & Bits.laneMask(at, first, last)
      if (unset === 0) continue
      words[at] |= Math.imul(unset, bit)
      this.marks += Bits.countLanes(unset)
      this.tellLanes(fact, at, unset, 1, lanes)
    }
  }

  private unmark(
    select: Bits.Select,
    bit: number,
    fact: Fact,
    first: number,
    last: number,
    lanes: Lanes,
  ): void {
    const words = this.words
    invariant(words !== undefined, "a message is unmarked in an empty block")
    for (let at = first >>> 3; at <= last >>> 3; at++) {
      const set = select(words[at]) & Bits.laneMask(at, first, last)
      if (set === 0) continue
      words[at] &= ~Math.imul(set, bit)
      this.marks -= Bits.countLanes(set)
      this.tellLanes(fact, at, set, -1, lanes)
    }
  }

  /** Adds a fact for each lane of a word; a whole word costs as much as one lane. */
  private tellLanes(fact: Fact, word: number, set: number, weight: number, lanes: Lanes): void {
    const base = this.base + word * 8
    if (set === Bits.low) {
      lanes.span(fact, base, base + 7, weight)
      return
    }
    for (let left = set; left !== 0; left &= left - 1) {
      const sequence = base + Bits.firstLane(left)
      lanes.span(fact, sequence, sequence, weight)
    }
  }

  private forgetFacts(first: number, last: number, lanes: Lanes): void {
    if (this.marks > 0) {
      this.unmark(Bits.openLanes, Bits.open, Fact.open, first, last, lanes)
      this.unmark(Bits.flaggedLanes, Bits.flagged, Fact.flagged, first, last, lanes)
    }
    for (const kind of ["failed", "returned"] as const) {
      const values = this[kind]?.values
      if (values === undefined) continue
      const fact = kind === "failed" ? Fact.failed : Fact.returned
      for (let offset = first; offset <= last; offset++) {
        if (values[offset] === 0) continue
        lanes.span(fact, this.base + offset, this.base + offset, -values[offset])
      }
    }
  }
}
