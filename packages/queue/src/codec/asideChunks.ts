/**
 * Owns: the stored form of what is kept of a queue that was set aside, little-endian:
 *
 * ```
 *   a<number>  the next piece of a stream: u32 length and the events of one record, repeated; a
 *              piece may end anywhere
 *   f<number>  frames that start in a block, ascending: u16 offset, f64 location
 * ```
 */
import { type Sequence, skeinError } from "@skein/model"
import { blockMessages } from "../state/bits.js"

/** A piece of the stream is at most so large: no chunk of a checkpoint is huge. */
const pieceBytesMax = 1024 * 1024
const lengthBytes = 4
const placeBytes = 10

export const packPieces = (kept: readonly Uint8Array[]): readonly Uint8Array[] => {
  let size = 0
  for (const events of kept) size += lengthBytes + events.length
  const stream = new Uint8Array(size)
  const view = new DataView(stream.buffer)
  let at = 0
  for (const events of kept) {
    view.setUint32(at, events.length, true)
    stream.set(events, at + lengthBytes)
    at += lengthBytes + events.length
  }
  const pieces: Uint8Array[] = []
  for (let from = 0; from < size; from += pieceBytesMax) {
    pieces.push(stream.subarray(from, from + pieceBytesMax))
  }
  return pieces
}

/** The events of each record, in the order in which they were kept. @throws ShardCorrupt */
export const unpackPieces = (pieces: readonly Uint8Array[]): readonly Uint8Array[] => {
  let size = 0
  for (const piece of pieces) size += piece.length
  const stream = new Uint8Array(size)
  let filled = 0
  for (const piece of pieces) {
    stream.set(piece, filled)
    filled += piece.length
  }
  const view = new DataView(stream.buffer)
  const kept: Uint8Array[] = []
  for (let at = 0; at < size; ) {
    const end = at + lengthBytes > size ? size + 1 : at + lengthBytes + view.getUint32(at, true)
    if (end > size) throw skeinError("ShardCorrupt", "kept events of a queue are cut")
    kept.push(stream.subarray(at + lengthBytes, end))
    at = end
  }
  return kept
}

/** `places`: first message and location of each frame, ascending, all of the block. */
export const packPlaces = (
  index: number,
  places: readonly (readonly [Sequence, number])[],
): Uint8Array => {
  const bytes = new Uint8Array(places.length * placeBytes)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const [first, location] of places) {
    view.setUint16(at, first - index * blockMessages, true)
    view.setFloat64(at + 2, location, true)
    at += placeBytes
  }
  return bytes
}

/** The places of a block as they are stored: a million frames cost no objects. */
export class StoredPlaces {
  private readonly view: DataView

  constructor(
    readonly index: number,
    bytes: Uint8Array,
  ) {
    if (bytes.length % placeBytes !== 0) {
      throw skeinError("ShardCorrupt", "places of a queue's frames are cut")
    }
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  find(first: Sequence): number | undefined {
    const offset = first - this.index * blockMessages
    let low = 0
    let high = this.view.byteLength / placeBytes - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const found = this.view.getUint16(middle * placeBytes, true)
      if (found === offset) return this.view.getFloat64(middle * placeBytes + 2, true)
      if (found < offset) low = middle + 1
      else high = middle - 1
    }
    return undefined
  }

  each(visit: (first: Sequence, location: number) => void): void {
    for (let at = 0; at < this.view.byteLength; at += placeBytes) {
      const offset = this.view.getUint16(at, true)
      visit(this.index * blockMessages + offset, this.view.getFloat64(at + 2, true))
    }
  }
}
