/**
 * Owns: the index entries of the frames that start in one block: where each begins, how many
 * messages it has and how many of them are unsettled, its bytes, and where the journal holds it.
 * 18 bytes a frame; room grows by four within the block's own bound.
 */
import { invariant } from "@skein/model"
import { blockMessages } from "./bits.js"

const roomAtFirst = 4
const noShorts = new Uint16Array(0)
const noWords = new Uint32Array(0)
const noDoubles = new Float64Array(0)

export class FrameTable {
  length = 0
  /** Frames that still have an unsettled message. */
  alive = 0
  /** Three a frame: offset of its first message in the block, messages, unsettled messages. */
  private shorts: Uint16Array = noShorts
  private sizes: Uint32Array = noWords
  private locations: Float64Array = noDoubles

  push(offset: number, count: number, live: number, bytes: number, location: number): void {
    if (this.length === this.sizes.length) this.grow()
    const at = this.length++
    this.shorts[at * 3] = offset
    this.shorts[at * 3 + 1] = count
    this.shorts[at * 3 + 2] = live
    this.sizes[at] = bytes
    this.locations[at] = location
    if (live > 0) this.alive++
  }

  /** The last frame that starts at or before `offset`; -1 when there is none. */
  find(offset: number): number {
    let low = 0
    let high = this.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      if (this.shorts[middle * 3] <= offset) low = middle + 1
      else high = middle - 1
    }
    return high
  }

  offset(at: number): number {
    return this.shorts[at * 3]
  }
  count(at: number): number {
    return this.shorts[at * 3 + 1]
  }
  live(at: number): number {
    return this.shorts[at * 3 + 2]
  }
  bytes(at: number): number {
    return this.sizes[at]
  }
  location(at: number): number {
    return this.locations[at]
  }
  place(at: number, location: number): void {
    this.locations[at] = location
  }

  /** `count` messages of the frame were settled; `true` when it has none left. */
  settle(at: number, count: number): boolean {
    const live = this.shorts[at * 3 + 2] - count
    invariant(live >= 0, "a frame has more settled messages than messages")
    this.shorts[at * 3 + 2] = live
    if (live > 0) return false
    this.alive--
    return true
  }

  /** Forgets every entry; none may be alive. */
  clear(): void {
    invariant(this.alive === 0, "a table with living frames is cleared")
    this.length = 0
    this.shorts = noShorts
    this.sizes = noWords
    this.locations = noDoubles
  }

  private grow(): void {
    const room = this.length === 0 ? roomAtFirst : Math.min(this.length * 4, blockMessages)
    invariant(room > this.length, "a block starts more frames than it has messages")
    const shorts = new Uint16Array(room * 3)
    const sizes = new Uint32Array(room)
    const locations = new Float64Array(room)
    shorts.set(this.shorts)
    sizes.set(this.sizes)
    locations.set(this.locations)
    this.shorts = shorts
    this.sizes = sizes
    this.locations = locations
  }
}
