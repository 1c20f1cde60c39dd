/**
 * Owns: taking some messages of a frame out as a frame of their own. No body is re-encoded or even
 * looked at; what lies together is copied together.
 */
import { invariant } from "@skein/model"
import { dedupBytes, type FrameView, frameFlags, frameHeaderBytes, frameVersion } from "./Frame.js"

/**
 * The exact frame of the messages `firstIndex..lastIndex` (inclusive, from 0), or of those among
 * them whose bit is set in `selection` (bit i, lowest first: message `firstIndex + i`).
 * All messages: the same bytes, not a copy.
 */
export const sliceFrame = (
  frame: FrameView,
  firstIndex: number,
  lastIndex: number,
  selection?: Uint8Array,
): Uint8Array => {
  invariant(
    firstIndex >= 0 && firstIndex <= lastIndex && lastIndex < frame.count,
    "a slice lies within its frame",
  )
  const runs = runsOf(firstIndex, lastIndex, selection)
  const count = runs.reduce((sum, at, i) => sum + (i % 2 === 0 ? -at : at), 0)
  invariant(count > 0, "a slice holds at least one message")
  if (count === frame.count) return frame.bytes
  return copyRuns(frame, runs, count)
}

/** Set bits of `selection`, lowest first in each byte. */
export const isSelected = (selection: Uint8Array, index: number): boolean =>
  (selection[index >> 3] & (1 << (index & 7))) !== 0

/** Pairs of message indices `from, to`, the end not included. */
const runsOf = (first: number, last: number, selection: Uint8Array | undefined): number[] => {
  if (selection === undefined) return [first, last + 1]
  const runs: number[] = []
  const span = last - first + 1
  invariant(selection.length * 8 >= span, "a selection has a bit for each message of its range")
  let from = -1
  for (let i = 0; i < span; i++) {
    if (isSelected(selection, i)) {
      if (from < 0) from = first + i
    } else if (from >= 0) {
      runs.push(from, first + i)
      from = -1
    }
  }
  if (from >= 0) runs.push(from, first + span)
  return runs
}

const copyRuns = (frame: FrameView, runs: readonly number[], count: number): Uint8Array => {
  const { bytes, flags } = frame
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const bodies = byteRuns(source, frameHeaderBytes, 4, frame.bodiesAt, runs)
  const hasKeys = (flags & frameFlags.key) !== 0
  const hasHeaders = (flags & frameFlags.headers) !== 0
  const keys = hasKeys ? byteRuns(source, frame.keyLengthsAt, 2, frame.keysAt, runs) : []
  const headers = hasHeaders
    ? byteRuns(source, frame.headersLengthsAt, 2, frame.headersAt, runs)
    : []
  const bodyBytes = lengthOf(bodies)
  let columnBytes = 4 * count
  if (frame.dedup !== undefined) columnBytes += dedupBytes * count
  if (hasKeys) columnBytes += 2 * count + lengthOf(keys)
  if (hasHeaders) columnBytes += 2 * count + lengthOf(headers)

  const out = new Uint8Array(frameHeaderBytes + columnBytes + bodyBytes)
  const view = new DataView(out.buffer)
  out[0] = frameVersion
  out[1] = flags
  view.setUint16(2, count, true)
  view.setUint32(4, columnBytes, true)
  view.setUint32(8, bodyBytes, true)
  let at = frameHeaderBytes
  at = copyFixed(out, at, bytes, frameHeaderBytes, 4, runs)
  if (frame.dedup !== undefined) at = copyFixed(out, at, frame.dedup, 0, dedupBytes, runs)
  if (hasKeys) {
    at = copyFixed(out, at, bytes, frame.keyLengthsAt, 2, runs)
    at = copyBytes(out, at, bytes, keys)
  }
  if (hasHeaders) {
    at = copyFixed(out, at, bytes, frame.headersLengthsAt, 2, runs)
    at = copyBytes(out, at, bytes, headers)
  }
  at = copyBytes(out, at, bytes, bodies)
  invariant(at === out.length, "a slice's parts fill it exactly")
  return out
}

/**
 * Runs of messages -> runs of bytes of a column whose lengths (u16 or u32) start at `lengthsAt`.
 */
const byteRuns = (
  source: DataView,
  lengthsAt: number,
  lengthBytes: 2 | 4,
  bytesAt: number,
  runs: readonly number[],
): number[] => {
  const out: number[] = []
  let at = bytesAt
  let index = 0
  for (const until of runs) {
    for (; index < until; index++) {
      const lengthAt = lengthsAt + lengthBytes * index
      at += lengthBytes === 4 ? source.getUint32(lengthAt, true) : source.getUint16(lengthAt, true)
    }
    out.push(at)
  }
  return out
}

const lengthOf = (runs: readonly number[]): number => {
  let sum = 0
  for (let i = 0; i < runs.length; i += 2) sum += runs[i + 1] - runs[i]
  return sum
}

const copyFixed = (
  out: Uint8Array,
  at: number,
  source: Uint8Array,
  sourceAt: number,
  width: number,
  runs: readonly number[],
): number => {
  let to = at
  for (let i = 0; i < runs.length; i += 2) {
    const start = sourceAt + width * runs[i]
    const end = sourceAt + width * runs[i + 1]
    out.set(source.subarray(start, end), to)
    to += end - start
  }
  return to
}

const copyBytes = (
  out: Uint8Array,
  at: number,
  source: Uint8Array,
  runs: readonly number[],
): number => copyFixed(out, at, source, 0, 1, runs)
