/**
 * Owns: the blocks that still hold something, ascending, with the place where the next ready
 * message is found, and the frames that span them. The block in which the next message will lie is
 * kept when it is drained; others go as soon as nothing unsettled and no living frame is in them.
 * Must not know: why messages change.
 */
import { invariant, type Sequence } from "@skein/model"
import { Block } from "./Block.js"
import { blockMessages, unsettledLanes } from "./bits.js"
import { Fact, type Lanes } from "./Lanes.js"
import { SmallMap } from "./SmallMap.js"

/** A frame that has no message left, for the journal to free. */
export interface DeadFrame {
  readonly first: Sequence
  readonly location: number
  readonly bytes: number
}

export interface FrameAt {
  readonly block: Block
  readonly at: number
  readonly first: Sequence
  readonly last: Sequence
}

/** Beyond this many blocks a range is walked along the list instead of by number. */
const lookUpMax = 64

export const blockOf = (sequence: Sequence): number => Math.floor(sequence / blockMessages)

export class Blocks {
  readonly byIndex = new SmallMap<number, Block>()
  first: Block | undefined
  last: Block | undefined
  /** The first block that may have a ready message. */
  readyBlock: Block | undefined
  ready = 0
  leased = 0
  /** Bytes of living frames. */
  bytes = 0
  /** Living frames of which the journal has not told the location. */
  unlocated = 0
  /** Frames that died since the shell last asked. */
  dead: DeadFrame[] = []
  /** Numbers of saved blocks that went since the last checkpoint. */
  gone: number[] = []

  constructor(private readonly lanes: Lanes) {}

  /** The block, made at the end of the list when it is not there. */
  reach(index: number): Block {
    return this.byIndex.get(index) ?? this.append(new Block(index))
  }

  /** Puts back a block that was saved; in ascending order. */
  restore(block: Block): void {
    block.saved = true
    this.append(block)
    this.ready += block.ready
    for (let at = 0; at < block.frames.length; at++) {
      this.bytes += block.frames.bytes(at)
      if (Number.isNaN(block.frames.location(at))) this.unlocated++
    }
  }

  private append(block: Block): Block {
    invariant(this.last === undefined || this.last.index < block.index, "blocks come in order")
    block.previous = this.last
    if (this.last === undefined) this.first = block
    else this.last.next = block
    this.last = block
    this.byIndex.set(block.index, block)
    this.readyBlock ??= block
    return block
  }

  /**
   * Calls `visit` for each block that is there with the offsets of it that `first..last` covers.
   */
  each(
    first: Sequence,
    last: Sequence,
    visit: (block: Block, from: number, to: number) => void,
  ): void {
    const start = blockOf(first)
    const end = blockOf(last)
    if (end - start < lookUpMax) {
      for (let index = start; index <= end; index++) {
        const block = this.byIndex.get(index)
        if (block !== undefined) visitPart(block, first, last, visit)
      }
      return
    }
    let block = this.byIndex.get(start) ?? this.first
    while (block !== undefined && block.index <= end) {
      const next: Block | undefined = block.next
      if (block.index >= start) visitPart(block, first, last, visit)
      block = next
    }
  }

  /** As {@link each}; every block of the range must be there. */
  every(
    first: Sequence,
    last: Sequence,
    visit: (block: Block, from: number, to: number) => void,
  ): void {
    let covered = first
    this.each(first, last, (block, from, to) => {
      invariant(block.base + from === covered, "an event names messages that are gone")
      covered = block.base + to + 1
      visit(block, from, to)
    })
    invariant(covered === last + 1, "an event names messages that are gone")
  }

  addMessages(first: Sequence, last: Sequence, journalMs: number): void {
    for (let from = first; from <= last; ) {
      const block = this.reach(blockOf(from))
      const to = Math.min(last, block.base + blockMessages - 1)
      if (block.unsettled === 0) block.sinceMs = journalMs
      block.add(from - block.base, to - block.base)
      block.dirty = true
      from = to + 1
    }
    this.ready += last - first + 1
    this.lanes.span(Fact.unsettled, first, last, 1)
  }

  addFrame(first: Sequence, count: number, live: number, bytes: number): void {
    const block = this.reach(blockOf(first))
    block.frames.push(first - block.base, count, live, bytes, Number.NaN)
    this.bytes += bytes
    this.unlocated++
    block.dirty = true
  }

  lease(block: Block, from: number, to: number): void {
    block.lease(from, to)
    this.ready -= to - from + 1
    this.leased += to - from + 1
    while (this.readyBlock?.ready === 0 && this.readyBlock.next !== undefined) {
      this.readyBlock = this.readyBlock.next
    }
  }

  /** Unsettled messages go; how many were leased. The caller then calls {@link sweep}. */
  settle(block: Block, from: number, to: number): number {
    const leased = block.settle(from, to, this.lanes)
    this.lanes.span(Fact.unsettled, block.base + from, block.base + to, -1)
    this.leased -= leased
    this.ready -= to - from + 1 - leased
    this.settleFrames(block, from, to)
    block.dirty = true
    return leased
  }

  putBack(block: Block, from: number, to: number): number {
    const leased = block.putBack(from, to, this.lanes)
    this.leased -= leased
    this.ready += leased
    this.offerReady(block)
    block.dirty = true
    return leased
  }

  /** After settles in the blocks of `first..last`: drains and drops what holds nothing more. */
  sweep(first: Sequence, last: Sequence, next: Sequence): void {
    // A frame that starts in the block before may have died with these messages.
    this.each(Math.max(first - blockMessages, 0), last, (block) => {
      if (block.unsettled > 0) return
      const end = block.base + blockMessages
      if (block.words !== undefined) {
        block.drain(next)
        block.dirty = true
      }
      if (next < end || block.frames.alive > 0) return
      this.remove(block)
    })
  }

  /** The owner is gone: see {@link Block.reopen}. How many open deliveries failed. */
  reopen(): number {
    let failures = 0
    for (let block = this.first; block !== undefined; block = block.next) {
      if (!block.touched && block.marks === 0 && block.leased === 0) continue
      this.ready += block.leased
      this.leased -= block.leased
      failures += block.reopen(this.lanes)
      block.dirty = true
    }
    this.readyBlock = this.first
    return failures
  }

  /** The living frame that holds this message; it must be unsettled. */
  frameOf(block: Block, offset: number): FrameAt {
    const holder = this.holderOf(block, offset)
    const at = holder.frames.find(offset + block.base - holder.base)
    const first = holder.base + holder.frames.offset(at)
    return { block: holder, at, first, last: first + holder.frames.count(at) - 1 }
  }

  /** The living frame that starts at `first`. */
  frameFrom(first: Sequence): FrameAt | undefined {
    const block = this.byIndex.get(blockOf(first))
    if (block === undefined) return undefined
    const at = block.frames.find(first - block.base)
    if (at < 0 || block.base + block.frames.offset(at) !== first) return undefined
    if (block.frames.live(at) === 0) return undefined
    return { block, at, first, last: first + block.frames.count(at) - 1 }
  }

  place(frame: FrameAt, location: number): void {
    if (Number.isNaN(frame.block.frames.location(frame.at))) this.unlocated--
    if (Number.isNaN(location)) this.unlocated++
    frame.block.frames.place(frame.at, location)
    frame.block.dirty = true
  }

  /** The first unsettled message and its block. */
  oldest(): { readonly sequence: Sequence; readonly block: Block } | undefined {
    for (let block = this.first; block !== undefined; block = block.next) {
      if (block.unsettled === 0) continue
      return { sequence: block.base + block.seek(unsettledLanes, block.unsettledFrom), block }
    }
    return undefined
  }

  /** Everything goes, as when every message was settled. */
  clear(): void {
    for (const block of this.byIndex.values()) {
      if (block.unsettled === 0) continue
      block.runs(unsettledLanes, 0, blockMessages - 1, (from, to) => {
        this.settle(block, from, to)
      })
    }
    while (this.first !== undefined) this.remove(this.first)
  }

  offerReady(block: Block): void {
    if (block.ready === 0) return
    if (this.readyBlock === undefined || block.index < this.readyBlock.index) {
      this.readyBlock = block
    }
  }

  remove(block: Block): void {
    block.untouch(this.lanes)
    if (block.previous === undefined) this.first = block.next
    else block.previous.next = block.next
    if (block.next === undefined) this.last = block.previous
    else block.next.previous = block.previous
    if (this.readyBlock === block) this.readyBlock = block.next ?? this.last
    this.byIndex.delete(block.index)
    if (block.saved) this.gone.push(block.index)
  }

  private holderOf(block: Block, offset: number): Block {
    if (block.frames.length > 0 && block.frames.offset(0) <= offset) return block
    const before = this.byIndex.get(block.index - 1)
    invariant(before !== undefined && before.frames.length > 0, "a message has no frame")
    return before
  }

  private settleFrames(block: Block, from: number, to: number): void {
    for (let offset = from; offset <= to; ) {
      const holder = this.holderOf(block, offset)
      const frames = holder.frames
      const at = frames.find(offset + block.base - holder.base)
      const end = holder.base + frames.offset(at) + frames.count(at) - 1 - block.base
      const part = Math.min(end, to)
      invariant(part >= offset, "a message has no frame")
      this.settleFrame(holder, at, part - offset + 1)
      offset = part + 1
    }
  }

  private settleFrame(holder: Block, at: number, count: number): void {
    holder.dirty = true
    if (!holder.frames.settle(at, count)) return
    const location = holder.frames.location(at)
    const bytes = holder.frames.bytes(at)
    this.bytes -= bytes
    if (Number.isNaN(location)) this.unlocated--
    else this.dead.push({ first: holder.base + holder.frames.offset(at), location, bytes })
  }
}

const visitPart = (
  block: Block,
  first: Sequence,
  last: Sequence,
  visit: (block: Block, from: number, to: number) => void,
): void =>
  visit(block, Math.max(first - block.base, 0), Math.min(last - block.base, blockMessages - 1))
