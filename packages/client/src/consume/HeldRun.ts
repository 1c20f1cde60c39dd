/**
 * Owns: messages of one frame as they were delivered: where each lies, and which of them are
 * settled or lost. One object per run, so that whole batches are settled and extended as ranges.
 */
import { type Sequence, skeinError } from "@skein/model"
import type { DeliveredRun } from "@skein/wire"
import { type FrameIndex, indexFrame } from "../codec/FrameIndex.js"

/** What became of a message: 0 held, then one of these. */
export const settled = 1
export const lost = 2

export class HeldRun {
  readonly run: DeliveredRun
  readonly parts: FrameIndex
  readonly count: number
  /** How many are neither settled nor lost. */
  held: number
  /** Handed to the program. */
  handedOut = false
  readonly #offsets: Uint32Array | undefined
  #states: Uint8Array | undefined

  /** Throws ProtocolError when the node's bytes are not the frame that it announces. */
  constructor(run: DeliveredRun) {
    const parts = indexFrame(run.frame)
    const offsets = run.selection === undefined ? undefined : selected(run.selection)
    const count = offsets === undefined ? run.last - run.first + 1 : offsets.length
    if (parts === undefined || parts.count !== count) {
      throw skeinError("ProtocolError", `the frame at ${run.first} is not what was announced`)
    }
    this.run = run
    this.parts = parts
    this.count = count
    this.held = count
    this.#offsets = offsets
  }

  sequence(index: number): Sequence {
    return this.run.first + (this.#offsets === undefined ? index : this.#offsets[index])
  }

  isHeld(index: number): boolean {
    return this.#states === undefined ? this.held > 0 : this.#states[index] === 0
  }

  isLost(index: number): boolean {
    return this.#states !== undefined && this.#states[index] === lost
  }

  /** `false`: it was settled or lost before. */
  mark(index: number, state: number): boolean {
    this.#states ??= new Uint8Array(this.count).fill(this.held > 0 ? 0 : settled)
    if (this.#states[index] !== 0) return false
    this.#states[index] = state
    this.held--
    return true
  }

  /** Calls `each` with the ranges of what is held, ascending. */
  heldRanges(each: (first: Sequence, last: Sequence) => void): void {
    if (this.held === 0) return
    if (this.#offsets === undefined && this.held === this.count) {
      each(this.run.first, this.run.last)
      return
    }
    let first = -1
    let last = -1
    for (let index = 0; index < this.count; index++) {
      if (this.#states !== undefined && this.#states[index] !== 0) continue
      const sequence = this.sequence(index)
      if (sequence !== last + 1 || first < 0) {
        if (first >= 0) each(first, last)
        first = sequence
      }
      last = sequence
    }
    if (first >= 0) each(first, last)
  }

  /** Marks all that is held as settled. */
  markAll(): void {
    this.held = 0
    this.#states = this.#states?.map((state) => (state === 0 ? settled : state))
  }
}

const selected = (selection: Uint8Array): Uint32Array => {
  const offsets: number[] = []
  for (let bit = 0; bit < selection.length * 8; bit++) {
    if ((selection[bit >> 3] & (1 << (bit & 7))) !== 0) offsets.push(bit)
  }
  return Uint32Array.from(offsets)
}
