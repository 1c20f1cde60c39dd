/**
 * Owns: how messages become runs: neighbours of one frame that share attempt and counts go
 * together, gaps between them become a selection. Reads the state, changes nothing.
 * How large each message of a frame is is not known here: credit counts their mean, and the frames
 * that parts are taken of would together fit in one answer even if they went whole.
 */
import { limits, type Sequence } from "@skein/model"
import type { Run } from "../Decision.js"
import type { Block } from "./Block.js"
import type { Blocks, FrameAt } from "./Blocks.js"
import { flagged } from "./bits.js"
import { pushRange } from "./ranges.js"

export class RunBuilder {
  readonly runs: Run[] = []
  /** Pairs first, last of all that was taken, merged. */
  readonly ranges: Sequence[] = []
  /** Pairs of what must be journaled as redelivered: flagged, or has failed before. */
  readonly again: Sequence[] = []
  messages = 0
  /** Of these, such as need no event of their own. */
  unjournaled = 0
  /** Share of the frames' bytes. */
  bytes = 0
  private frame: FrameAt | undefined
  /** Bytes of all frames of which something was taken, whole. */
  private frameBytes = 0
  /** Pairs of the run that is being built. */
  private parts: Sequence[] = []
  private failed = 0
  private returned = 0
  private flagged = false

  constructor(
    private readonly blocks: Blocks,
    private readonly messagesMax: number,
    private readonly bytesMax: number,
  ) {}

  get full(): boolean {
    return this.messages >= this.messagesMax || (this.messages > 0 && this.bytes >= this.bytesMax)
  }

  /** Takes what credit allows of `from..to`; the offset after the last one taken. */
  take(block: Block, from: number, to: number): number {
    let offset = from
    while (offset <= to && !this.full) {
      const first = block.base + offset
      if (this.frame === undefined || first > this.frame.last || first < this.frame.first) {
        this.flush()
        const frame = this.blocks.frameOf(block, offset)
        if (!this.holds(frame)) break
        this.frame = frame
      }
      const end = Math.min(to, this.frame.last - block.base, this.alike(block, offset, to))
      const count = this.afford(this.frame, end - offset + 1)
      if (count === 0) break
      this.append(block, offset, count)
      offset += count
    }
    return offset
  }

  /** Whether the answer has room for one more frame; if not, it is full. */
  private holds({ block, at }: FrameAt): boolean {
    const bytes = block.frames.bytes(at)
    if (this.messages > 0 && this.frameBytes + bytes > limits.frameBytesMax) {
      this.bytes = this.bytesMax
      return false
    }
    this.frameBytes += bytes
    return true
  }

  /** Ends the last run. Call it once, after the last `take`. */
  done(): this {
    this.flush()
    return this
  }

  /** Last offset up to `to` whose message has the same counts and flag as the one at `offset`. */
  private alike(block: Block, offset: number, to: number): number {
    if (block.marks === 0 && block.failed === undefined && block.returned === undefined) return to
    const flag = block.lane(offset) & flagged
    const failed = block.failures(offset)
    const returned = block.returns(offset)
    let end = offset
    while (
      end < to &&
      (block.lane(end + 1) & flagged) === flag &&
      block.failures(end + 1) === failed &&
      block.returns(end + 1) === returned
    ) {
      end++
    }
    return end
  }

  /** How many of `wanted` messages of the frame fit; at least 1 for the very first. */
  private afford(frame: FrameAt, wanted: number): number {
    const frames = frame.block.frames
    const each = frames.bytes(frame.at) / frames.count(frame.at)
    const room = each === 0 ? wanted : Math.floor((this.bytesMax - this.bytes) / each + 1e-9)
    const count = Math.min(wanted, this.messagesMax - this.messages, Math.max(room, 0))
    const granted = count === 0 && this.messages === 0 ? 1 : count
    this.bytes += granted * each
    if (granted === 0) this.bytes = this.bytesMax
    return granted
  }

  private append(block: Block, offset: number, count: number): void {
    const first = block.base + offset
    const last = first + count - 1
    const flag = (block.lane(offset) & flagged) !== 0
    const failed = block.failures(offset)
    const returned = block.returns(offset)
    if (failed !== this.failed || returned !== this.returned || flag !== this.flagged) {
      const frame = this.frame
      this.flush()
      this.frame = frame
    }
    this.failed = failed
    this.returned = returned
    this.flagged = flag
    this.messages += count
    pushRange(this.parts, first, last)
    pushRange(this.ranges, first, last)
    if (flag || failed > 0) pushRange(this.again, first, last)
    else this.unjournaled += count
  }

  private flush(): void {
    const frame = this.frame
    this.frame = undefined
    if (frame === undefined || this.parts.length === 0) return
    const frames = frame.block.frames
    const first = this.parts[0]
    const last = this.parts[this.parts.length - 1]
    this.runs.push({
      location: frames.location(frame.at),
      frameFirst: frame.first,
      frameCount: frames.count(frame.at),
      frameBytes: frames.bytes(frame.at),
      first,
      last,
      attempt: this.failed + this.returned,
      failed: this.failed,
      returned: this.returned,
      redelivered: this.flagged || this.failed + this.returned > 0,
      ...(this.parts.length > 2 ? { selection: selectionOf(this.parts) } : {}),
    })
    this.parts = []
  }
}

const selectionOf = (parts: readonly Sequence[]): Uint8Array => {
  const first = parts[0]
  const bits = new Uint8Array(Math.floor((parts[parts.length - 1] - first) / 8) + 1)
  for (let at = 0; at < parts.length; at += 2) {
    for (let bit = parts[at] - first; bit <= parts[at + 1] - first; bit++) {
      bits[bit >>> 3] |= 1 << (bit & 7)
    }
  }
  return bits
}
