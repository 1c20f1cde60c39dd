/**
 * Owns: the check of a frame's form: every length and sum, in one pass, without decoding a body and
 * without copying. What passes here can be sliced and read without another bounds check.
 */
import { InvariantViolation, limits, SkeinError, skeinError, type Tagged } from "@skein/model"
import {
  dedupBytes,
  type FrameView,
  frameFlags,
  frameFlagsKnown,
  frameHeaderBytes,
  frameVersion,
} from "./Frame.js"

export type FrameProblem = Tagged<"BodyTooLarge" | "FrameInvalid" | "LimitExceeded">

/**
 * Checks `bytes` as one whole frame. The view keeps `bytes`, and is valid as long as they are not
 * changed. A queue's own `bodyBytesMax` is the caller's to compare with `bodyBytesLargest`.
 */
export const viewFrame = (bytes: Uint8Array): FrameView | FrameProblem => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const problem = headerProblem(bytes, view)
  if (problem !== undefined) return problem
  const bodyBytes = view.getUint32(8, true)
  const end = frameHeaderBytes + 4 * view.getUint16(2, true)
  let sum = 0
  let largest = 0
  for (let at = frameHeaderBytes; at < end; at += 4) {
    const length = view.getUint32(at, true)
    if (length === 0) return invalid("a body is a msgpack value, not 0 bytes")
    sum += length
    if (length > largest) largest = length
  }
  if (sum !== bodyBytes) return invalid(`the bodies add up to ${sum} bytes, not ${bodyBytes}`)
  if (largest > limits.bodyBytesMax) return bodyTooLarge(largest)
  return viewColumns(bytes, view, end, largest)
}

/** Version, flags, count, and sizes that add up to the bytes that are there. */
const headerProblem = (bytes: Uint8Array, view: DataView): FrameProblem | undefined => {
  if (bytes.length > limits.frameBytesMax) {
    return skeinError("LimitExceeded", `the frame has ${bytes.length} bytes`, {
      limit: "frameBytesMax",
      max: limits.frameBytesMax,
    })
  }
  if (bytes.length < frameHeaderBytes) return invalid(`${bytes.length} bytes are no frame`)
  if (bytes[0] !== frameVersion) return invalid(`frame version ${bytes[0]} is unknown`)
  const unknown = bytes[1] & ~frameFlagsKnown
  if (unknown !== 0) return invalid(`flags ${unknown} name columns that do not exist yet`)
  const count = view.getUint16(2, true)
  if (count === 0 || count > limits.frameMessagesMax) {
    return invalid(`a frame holds 1 to ${limits.frameMessagesMax} messages, not ${count}`)
  }
  if (view.getUint32(12, true) !== 0) return invalid("the reserved field must be 0")
  const columnBytes = view.getUint32(4, true)
  const bodyBytes = view.getUint32(8, true)
  if (frameHeaderBytes + columnBytes + bodyBytes !== bytes.length) {
    const parts = `header, ${columnBytes} bytes of columns and ${bodyBytes} of bodies`
    return invalid(`${parts} are not ${bytes.length} bytes`)
  }
  if (4 * count > columnBytes) return invalid("the columns are shorter than the body lengths")
  return undefined
}

/** The columns that a flag announces, from the end of the body lengths to the bodies. */
const viewColumns = (
  bytes: Uint8Array,
  view: DataView,
  columnsAt: number,
  bodyBytesLargest: number,
): FrameView | FrameProblem => {
  const flags = bytes[1]
  const count = view.getUint16(2, true)
  const bodiesAt = frameHeaderBytes + view.getUint32(4, true)
  const hasDedup = (flags & frameFlags.dedup) !== 0
  let at = hasDedup ? columnsAt + dedupBytes * count : columnsAt
  let keyLengthsAt = 0
  let keysAt = 0
  if ((flags & frameFlags.key) !== 0) {
    keyLengthsAt = at
    keysAt = at + 2 * count
    at = columnEnd(view, keyLengthsAt, count, bodiesAt, limits.keyBytesMax)
    if (at < 0) return columnProblem(at, "keys", "keyBytesMax")
  }
  let headersLengthsAt = 0
  let headersAt = 0
  if ((flags & frameFlags.headers) !== 0) {
    headersLengthsAt = at
    headersAt = at + 2 * count
    at = columnEnd(view, headersLengthsAt, count, bodiesAt, limits.headersBytesMax)
    if (at < 0) return columnProblem(at, "headers", "headersBytesMax")
  }
  if (at !== bodiesAt) return invalid(`the columns end at byte ${at}, not at ${bodiesAt}`)
  const places = { keyLengthsAt, keysAt, headersLengthsAt, headersAt, bodiesAt }
  const checked = { bytes, count, bodyBytesLargest, flags, ...places }
  if (!hasDedup) return checked
  return { ...checked, dedup: bytes.subarray(columnsAt, columnsAt + dedupBytes * count) }
}

/** The view of a frame that was checked before (from a journal, say). Anything else is a fault. */
export const trustedFrame = (bytes: Uint8Array): FrameView => {
  const frame = viewFrame(bytes)
  if (frame instanceof SkeinError) throw new InvariantViolation(frame.message)
  return frame
}

const short = -1
const tooLong = -2

/** Where a column of lengths and bytes ends, or `short` or `tooLong`. */
const columnEnd = (
  view: DataView,
  at: number,
  count: number,
  end: number,
  bytesMax: number,
): number => {
  const bytesAt = at + 2 * count
  if (bytesAt > end) return short
  let sum = 0
  for (let lengthAt = at; lengthAt < bytesAt; lengthAt += 2) {
    const length = view.getUint16(lengthAt, true)
    if (length > bytesMax) return tooLong
    sum += length
  }
  return bytesAt + sum > end ? short : bytesAt + sum
}

const columnProblem = (
  reason: number,
  column: string,
  limit: "headersBytesMax" | "keyBytesMax",
): FrameProblem =>
  reason === short
    ? invalid(`the column of ${column} is longer than the columns`)
    : skeinError("LimitExceeded", `one of the ${column} is over ${limits[limit]} bytes`, {
        limit,
        max: limits[limit],
      })

const invalid = (detail: string): FrameProblem => skeinError("FrameInvalid", detail)

const bodyTooLarge = (bytes: number): FrameProblem =>
  skeinError(
    "BodyTooLarge",
    `a body has ${bytes} bytes, at most ${limits.bodyBytesMax} are taken`,
    {
      bytes,
      bodyBytesMax: limits.bodyBytesMax,
    },
  )
