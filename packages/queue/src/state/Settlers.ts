/**
 * Owns: by which delivery each message was settled that was, or may have been, handed out more than
 * once. With it a repeat of the settle (ok) is told from a settle of another delivery (LeaseLost),
 * also when nothing else is left of the message. A message that was handed out once needs no
 * entry: only one delivery can name it.
 *
 * Bounded in number, not in time: a byte a message and some 30 for each tag in a block, and at
 * most {@link blocksMax} blocks, of which those that were entered first are forgotten. Time
 * would bound too little and too much: a client brings a settle until it has an answer, however
 * long it was cut off, and a consumer that was stopped names its old delivery whenever it wakes.
 *
 * What is forgotten is settled on trust: ok for every delivery. So a late consumer may believe that
 * it processed what another did too, which every consumer must bear where delivery is at least
 * once; LeaseLost instead would make the one that settled it undo its work, and the message is not
 * delivered again: that is a loss.
 *
 * Durable: the digest counts a fact for each message, as often as its tag weighs. What is forgotten
 * when must not depend on how the state was come by, hence the ordinals and the order of tags.
 */
import { type Epoch, invariant, limits, type Sequence } from "@skein/model"
import { Fact, type Lanes } from "./Lanes.js"

/** A delivery of a message whose generation and sequence are known. */
export interface Tag {
  readonly epoch: Epoch
  readonly attempt: number
}

/** "Settled" by none: what a purge took. No delivery has epoch 0. */
export const nobody: Tag = { epoch: 0, attempt: 0 }

/** Blocks remembered, 5 KB each with few tags, 13 KB with {@link tagsMax}. */
export const blocksMax = 256

/** Different tags in a block: as many as a byte can tell apart beside "none". */
export const tagsMax = 255

/** What is remembered of one block. */
export class SettledBlock {
  /** Per message a place in `tags` plus 1; 0 when nothing is remembered. */
  readonly places = new Uint8Array(limits.blockMessages)
  readonly tags: Tag[] = []

  /** @param ordinal rises with each block that is entered. */
  constructor(readonly ordinal: number) {}

  at(offset: number): Tag | undefined {
    const place = this.places[offset]
    return place === 0 ? undefined : this.tags[place - 1]
  }
}

/** What there is once something was entered; most queues never settle a redelivery. */
class Memory {
  readonly blocks = new Map<number, SettledBlock>()
  readonly dirty = new Set<number>()
  readonly gone = new Set<number>()
  readonly saved = new Set<number>()
}

/** Never added to. */
const nothing: Memory = new Memory()

export class Settlers {
  private memory: Memory = nothing
  private nextOrdinal = 1

  constructor(private readonly lanes: Lanes) {}

  get isEmpty(): boolean {
    return this.blocks.size === 0
  }

  get blocks(): ReadonlyMap<number, SettledBlock> {
    return this.memory.blocks
  }

  /** Blocks that changed since the last checkpoint. */
  get dirty(): ReadonlySet<number> {
    return this.memory.dirty
  }

  /** Blocks that the last checkpoint holds for nothing. */
  get gone(): ReadonlySet<number> {
    return this.memory.gone
  }

  /** These messages of one block are settled now, by deliveries with this tag. */
  note(first: Sequence, last: Sequence, tag: Tag): void {
    const index = Math.floor(first / limits.blockMessages)
    const base = index * limits.blockMessages
    const block = this.reach(index)
    const place = this.placeOf(block, base, tag)
    for (let at = first - base; at <= last - base; at++) {
      invariant(block.places[at] === 0, "a message is settled by two deliveries")
      block.places[at] = place
    }
    this.lanes.span(Fact.settledBy, first, last, weightOf(tag))
    this.memory.dirty.add(index)
  }

  /** `undefined`: nothing is remembered of it. */
  find(sequence: Sequence): Tag | undefined {
    const index = Math.floor(sequence / limits.blockMessages)
    return this.blocks.get(index)?.at(sequence - index * limits.blockMessages)
  }

  /** The parts of `first..last` of which something is remembered, ascending. */
  parts(first: Sequence, last: Sequence): readonly (readonly [Sequence, Sequence])[] {
    const parts: (readonly [Sequence, Sequence])[] = []
    const part = (index: number): void => {
      const base = index * limits.blockMessages
      const from = Math.max(first, base)
      const to = Math.min(last, base + limits.blockMessages - 1)
      if (from <= to && this.blocks.has(index)) parts.push([from, to])
    }
    const start = Math.floor(first / limits.blockMessages)
    const end = Math.floor(last / limits.blockMessages)
    if (end - start < this.blocks.size) for (let at = start; at <= end; at++) part(at)
    else for (const index of [...this.blocks.keys()].sort((a, b) => a - b)) part(index)
    return parts
  }

  /** Puts back a block that was saved; in the order of ordinals. */
  restore(index: number, block: SettledBlock): void {
    this.begin().blocks.set(index, block)
    this.nextOrdinal = block.ordinal + 1
    this.tell(index, block, 1)
    this.memory.saved.add(index)
  }

  /** The checkpoint that is being made has what is dirty, and not what is gone. */
  markSaved(): void {
    const { dirty, gone, saved } = this.memory
    for (const index of dirty) saved.add(index)
    dirty.clear()
    gone.clear()
  }

  clear(): void {
    for (const index of [...this.blocks.keys()]) this.forget(index)
  }

  private begin(): Memory {
    if (this.memory === nothing) this.memory = new Memory()
    return this.memory
  }

  private reach(index: number): SettledBlock {
    const { blocks, gone, saved } = this.begin()
    let block = blocks.get(index)
    if (block === undefined) {
      block = new SettledBlock(this.nextOrdinal++)
      blocks.set(index, block)
      // Its chunk will be replaced, not dropped.
      if (gone.delete(index)) saved.add(index)
      if (blocks.size > blocksMax) this.forget(blocks.keys().next().value ?? index)
    }
    return block
  }

  private placeOf(block: SettledBlock, base: Sequence, tag: Tag): number {
    const { tags } = block
    for (let at = tags.length - 1; at >= 0; at--) {
      if (isSame(tags[at], tag)) return at + 1
    }
    if (tags.length < tagsMax) return tags.push(tag)
    const oldest = this.forgetOldest(block, base)
    tags[oldest - 1] = tag
    return oldest
  }

  /** Nothing is remembered any more of the messages with the block's oldest tag; its place. */
  private forgetOldest(block: SettledBlock, base: Sequence): number {
    let oldest = 1
    for (let place = 2; place <= block.tags.length; place++) {
      if (isBefore(block.tags[place - 1], block.tags[oldest - 1])) oldest = place
    }
    const weight = weightOf(block.tags[oldest - 1])
    for (let at = 0; at < block.places.length; at++) {
      if (block.places[at] !== oldest) continue
      block.places[at] = 0
      this.lanes.span(Fact.settledBy, base + at, base + at, -weight)
    }
    return oldest
  }

  private tell(index: number, block: SettledBlock, sign: number): void {
    const base = index * limits.blockMessages
    for (let at = 0; at < limits.blockMessages; at++) {
      const tag = block.at(at)
      if (tag === undefined) continue
      this.lanes.span(Fact.settledBy, base + at, base + at, sign * weightOf(tag))
    }
  }

  private forget(index: number): void {
    const { blocks, dirty, gone, saved } = this.memory
    const block = blocks.get(index)
    if (block !== undefined) this.tell(index, block, -1)
    blocks.delete(index)
    dirty.delete(index)
    if (saved.delete(index)) gone.add(index)
  }
}

/** In the digest; different for tags that may meet: attempts stay below two full tallies. */
const weightOf = ({ epoch, attempt }: Tag): number => (Math.imul(epoch, 131_101) + attempt + 1) | 0

const isBefore = (a: Tag, b: Tag): boolean =>
  a.epoch === b.epoch ? a.attempt < b.attempt : a.epoch < b.epoch

export const isSame = (a: Tag, b: Tag): boolean => a.epoch === b.epoch && a.attempt === b.attempt
