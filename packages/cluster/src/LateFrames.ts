/**
 * Owns: the chunk of a checkpoint that says where frames lie whose commit was still in flight when the
 * other chunks were made. Little-endian, repeated: generation f64, first sequence f64, location f64.
 */
import type { FrameKey, Location } from "@skein/journal"
import { invariant } from "@skein/model"

/** Not of the form of an actor's key. */
export const lateKey = "late"

export interface PlacedFrame extends FrameKey {
  readonly location: Location
}

const rowBytes = 24

export const encodeLateFrames = (frames: readonly PlacedFrame[]): Uint8Array => {
  const bytes = new Uint8Array(frames.length * rowBytes)
  const view = new DataView(bytes.buffer)
  for (let at = 0; at < frames.length; at++) {
    view.setFloat64(at * rowBytes, frames[at].generation, true)
    view.setFloat64(at * rowBytes + 8, frames[at].first, true)
    view.setFloat64(at * rowBytes + 16, frames[at].location, true)
  }
  return bytes
}

export const decodeLateFrames = (bytes: Uint8Array): readonly PlacedFrame[] => {
  invariant(bytes.length % rowBytes === 0, "a late chunk has whole rows")
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frames: PlacedFrame[] = []
  for (let at = 0; at < bytes.length; at += rowBytes) {
    frames.push({
      generation: view.getFloat64(at, true),
      first: view.getFloat64(at + 8, true),
      location: view.getFloat64(at + 16, true),
    })
  }
  return frames
}
