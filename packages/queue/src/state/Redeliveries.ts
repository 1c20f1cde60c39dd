/**
 * Owns: of each message that more than one owner handed out: the epoch of its latest delivery, or
 * of the tag that settled it. With it a settle by another delivery's tag is told from a repeat,
 * also when nothing else is left of the message. Kept for the blocks noted last; what is forgotten
 * is settled on trust. Durable: the digest counts a fact for each message, as often as its epoch
 * says.
 */
import { type Epoch, limits, type Sequence } from "@skein/model"
import { Fact, type Lanes } from "./Lanes.js"

/** Blocks remembered, 16 KiB each. */
const blocksMax = 64

export class Redeliveries {
  readonly blocks = new Map<number, Uint32Array>()
  /** Blocks that changed since the last checkpoint, and those that it holds for nothing. */
  dirty = new Set<number>()
  gone: number[] = []
  private readonly saved = new Set<number>()

  constructor(private readonly lanes: Lanes) {}

  get isEmpty(): boolean {
    return this.blocks.size === 0
  }

  note(first: Sequence, last: Sequence, epoch: Epoch): void {
    for (let sequence = first; sequence <= last; ) {
      const index = Math.floor(sequence / limits.blockMessages)
      const base = index * limits.blockMessages
      const end = Math.min(last, base + limits.blockMessages - 1)
      this.fill(base, this.epochs(index), sequence - base, end - base, epoch)
      this.dirty.add(index)
      sequence = end + 1
    }
  }

  /** 0: not known to have been handed out again. */
  epochOf(sequence: Sequence): Epoch {
    const index = Math.floor(sequence / limits.blockMessages)
    return this.blocks.get(index)?.[sequence - index * limits.blockMessages] ?? 0
  }

  /** The parts of `first..last` of which something is remembered, ascending. */
  parts(first: Sequence, last: Sequence): readonly (readonly [Sequence, Sequence])[] {
    const parts: (readonly [Sequence, Sequence])[] = []
    for (const index of this.blocks.keys()) {
      const base = index * limits.blockMessages
      const from = Math.max(first, base)
      const to = Math.min(last, base + limits.blockMessages - 1)
      if (from <= to) parts.push([from, to])
    }
    return parts.sort((a, b) => a[0] - b[0])
  }

  restore(index: number, epochs: Uint32Array): void {
    this.blocks.set(index, epochs)
    this.tell(index, epochs, 1)
    this.saved.add(index)
  }

  /** The block's chunk is in the checkpoint that is being made. */
  markSaved(index: number): void {
    this.saved.add(index)
  }

  clear(): void {
    for (const index of [...this.blocks.keys()]) this.forget(index)
  }

  private epochs(index: number): Uint32Array {
    let epochs = this.blocks.get(index)
    if (epochs === undefined) {
      epochs = new Uint32Array(limits.blockMessages)
      this.blocks.set(index, epochs)
      if (this.blocks.size > blocksMax) this.forget(this.blocks.keys().next().value ?? index)
    }
    return epochs
  }

  private fill(base: Sequence, epochs: Uint32Array, first: number, last: number, to: Epoch): void {
    for (let at = first; at <= last; at++) {
      this.lanes.span(Fact.redelivered, base + at, base + at, to - epochs[at])
      epochs[at] = to
    }
  }

  private tell(index: number, epochs: Uint32Array, sign: number): void {
    const base = index * limits.blockMessages
    for (let at = 0; at < epochs.length; at++) {
      if (epochs[at] === 0) continue
      this.lanes.span(Fact.redelivered, base + at, base + at, sign * epochs[at])
    }
  }

  private forget(index: number): void {
    const epochs = this.blocks.get(index)
    if (epochs !== undefined) this.tell(index, epochs, -1)
    this.blocks.delete(index)
    this.dirty.delete(index)
    if (this.saved.delete(index)) this.gone.push(index)
  }
}
