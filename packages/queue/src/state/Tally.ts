/**
 * Owns: one small count for each message of a block (failures, returns). Bytes are made when a
 * message of the block is counted for the first time, and widened when a count passes 255.
 */
import { blockMessages } from "./bits.js"

/** Beyond this a count stays where it is. */
export const tallyMax = 65_535

export class Tally {
  values: Uint8Array | Uint16Array

  constructor(values?: Uint8Array | Uint16Array) {
    this.values = values ?? new Uint8Array(blockMessages)
  }

  /** Counts one more for the message; `false` when the count is full. */
  add(offset: number): boolean {
    const value = this.values[offset]
    if (value === tallyMax) return false
    if (value === 255 && this.values instanceof Uint8Array)
      this.values = Uint16Array.from(this.values)
    this.values[offset] = value + 1
    return true
  }
}
