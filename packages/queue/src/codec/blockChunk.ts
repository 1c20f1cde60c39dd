/**
 * Owns: the stored form of a block: `[version, index, touched, sinceMs, bits, failed, returned,
 * frames]`.
 *
 * ```
 *   bits      [first byte, bytes]: two messages a byte, the lower one in the low bits; leased is
 *             stored as ready, because leases are not durable; zeros at both ends are left out
 *   failed    [first message, bytes a count (1 or 2), bytes], little-endian; nil when all are 0
 *   returned  likewise
 *   frames    18 bytes for each living frame that starts in the block: u16 offset, u16 messages,
 *             u16 unsettled, u32 bytes, f64 location, little-endian
 * ```
 */
import { Block } from "../state/Block.js"
import * as Bits from "../state/bits.js"
import { Fact, type Lanes } from "../state/Lanes.js"
import { Tally } from "../state/Tally.js"
import { type Fields, packTuple, unpackTuple } from "./tuples.js"

const version = 1
const frameBytes = 18

export const packBlock = (block: Block): Uint8Array =>
  packTuple([
    version,
    block.index,
    block.touched ? 1 : 0,
    block.sinceMs,
    packBits(block.words),
    packTally(block.failed),
    packTally(block.returned),
    packFrames(block),
  ])

/** The block, with its facts told to `lanes`. @throws CodecError */
export const unpackBlock = (bytes: Uint8Array, lanes: Lanes): Block => {
  const fields = unpackTuple("block", bytes, version)
  const block = new Block(fields.count("index"))
  const touched = fields.count("touched", 1) === 1
  block.sinceMs = fields.count("sinceMs")
  readBits(block, fields.tuple("bits"))
  block.failed = readTally(fields, "failed")
  block.returned = readTally(fields, "returned")
  readFrames(block, fields)
  fields.end()
  if (touched) block.touch(lanes)
  tellFacts(block, lanes)
  return block
}

const packBits = (words: Uint32Array | undefined): readonly unknown[] => {
  if (words === undefined) return [0, new Uint8Array(0)]
  const stored = new Uint8Array(Bits.blockWords * 4)
  const view = new DataView(stored.buffer)
  for (let at = 0; at < words.length; at++) {
    const leased = Bits.leasedLanes(words[at])
    view.setUint32(at * 4, words[at] ^ Math.imul(leased, 3), true)
  }
  return trimmed(stored, 1)
}

/** [first, bytes] without the zeros at both ends; `first` counts items of `width` bytes. */
const trimmed = (bytes: Uint8Array, width: number): readonly unknown[] => {
  let from = 0
  let to = bytes.length
  while (from < to && bytes[from] === 0) from++
  while (to > from && bytes[to - 1] === 0) to--
  from -= from % width
  to += (width - (to % width)) % width
  return [from / width, bytes.subarray(from, to)]
}

const readBits = (block: Block, fields: Fields): void => {
  const from = fields.count("first byte", Bits.blockWords * 4)
  const bytes = fields.bytes("bytes")
  fields.end()
  if (from + bytes.length > Bits.blockWords * 4) throw fields.corrupt("more bits than messages")
  if (bytes.length === 0) return
  const stored = new Uint8Array(Bits.blockWords * 4)
  stored.set(bytes, from)
  const view = new DataView(stored.buffer)
  const words = new Uint32Array(Bits.blockWords)
  for (let at = 0; at < words.length; at++) {
    const word = view.getUint32(at * 4, true)
    const ready = Bits.readyLanes(word)
    if ((word & ~Bits.wholeLanes(ready)) !== 0) throw fields.corrupt("bits of no known state")
    words[at] = word
    block.ready += Bits.countLanes(ready)
    block.marks += Bits.countLanes(Bits.flaggedLanes(word)) + Bits.countLanes(Bits.openLanes(word))
  }
  block.words = words
}

const packTally = (tally: Tally | undefined): readonly unknown[] | null => {
  if (tally === undefined) return null
  const { values } = tally
  if (values instanceof Uint8Array) {
    const [from, bytes] = trimmed(values, 1)
    return [from, 1, bytes]
  }
  const stored = new Uint8Array(values.length * 2)
  const view = new DataView(stored.buffer)
  for (let at = 0; at < values.length; at++) view.setUint16(at * 2, values[at], true)
  const [from, bytes] = trimmed(stored, 2)
  return [from, 2, bytes]
}

const readTally = (fields: Fields, field: string): Tally | undefined => {
  if (fields.skipNil()) return undefined
  const tuple = fields.tuple(field)
  const from = tuple.count("first message", Bits.blockMessages)
  const width = tuple.count("width", 2)
  const bytes = tuple.bytes("counts")
  tuple.end()
  const length = bytes.length / width
  if (width === 0 || !Number.isInteger(length) || from + length > Bits.blockMessages) {
    throw tuple.corrupt("counts do not fit a block")
  }
  const values =
    width === 1 ? new Uint8Array(Bits.blockMessages) : new Uint16Array(Bits.blockMessages)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at < length; at++) {
    values[from + at] = width === 1 ? bytes[at] : view.getUint16(at * 2, true)
  }
  return new Tally(values)
}

const packFrames = ({ frames }: Block): Uint8Array => {
  const stored = new Uint8Array(frames.alive * frameBytes)
  const view = new DataView(stored.buffer)
  let at = 0
  for (let frame = 0; frame < frames.length; frame++) {
    if (frames.live(frame) === 0) continue
    view.setUint16(at, frames.offset(frame), true)
    view.setUint16(at + 2, frames.count(frame), true)
    view.setUint16(at + 4, frames.live(frame), true)
    view.setUint32(at + 6, frames.bytes(frame), true)
    view.setFloat64(at + 10, frames.location(frame), true)
    at += frameBytes
  }
  return stored
}

const readFrames = (block: Block, fields: Fields): void => {
  const bytes = fields.bytes("frames")
  if (bytes.length % frameBytes !== 0) throw fields.corrupt("a frame's entry is cut")
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let before = -1
  for (let at = 0; at < bytes.length; at += frameBytes) {
    const offset = view.getUint16(at, true)
    const count = view.getUint16(at + 2, true)
    const live = view.getUint16(at + 4, true)
    if (offset <= before || offset >= Bits.blockMessages || live === 0 || live > count) {
      throw fields.corrupt("frames are not as they were written")
    }
    before = offset
    const size = view.getUint32(at + 6, true)
    block.frames.push(offset, count, live, size, view.getFloat64(at + 10, true))
  }
}

const tellFacts = (block: Block, lanes: Lanes): void => {
  const { base } = block
  const end = Bits.blockMessages - 1
  const tell = (select: Bits.Select, fact: Fact): void =>
    block.runs(select, 0, end, (first, last) => lanes.span(fact, base + first, base + last, 1))
  tell(Bits.unsettledLanes, Fact.unsettled)
  if (block.marks > 0) {
    tell(Bits.flaggedLanes, Fact.flagged)
    tell(Bits.openLanes, Fact.open)
  }
  if (block.failed === undefined && block.returned === undefined) return
  block.runs(Bits.unsettledLanes, 0, end, (first, last) => {
    for (let offset = first; offset <= last; offset++) {
      const failed = block.failures(offset)
      const returned = block.returns(offset)
      if (failed > 0) lanes.span(Fact.failed, base + offset, base + offset, failed)
      if (returned > 0) lanes.span(Fact.returned, base + offset, base + offset, returned)
    }
  })
}
