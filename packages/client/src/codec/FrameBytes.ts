/**
 * Owns: writing and reading the frame of wire's Frame.ts on the client's side, one pass, one buffer.
 * Must not know: what a body means.
 */
import { invariant } from "@skein/model"
import type { FrameMessage } from "@skein/wire"

const flagDedup = 1
const flagKey = 2
const flagHeaders = 4
const headerBytes = 16

/** Bytes that `message` adds to a frame, at most (columns of the other messages apart). */
export const frameCost = (message: FrameMessage): number =>
  8 +
  message.body.length +
  (message.dedup === undefined ? 0 : 16) +
  (message.key === undefined ? 0 : message.key.length) +
  (message.headers === undefined ? 0 : message.headers.length)

export const encodeFrame = (messages: readonly FrameMessage[]): Uint8Array => {
  const count = messages.length
  let flags = 0
  let bodyBytes = 0
  let keyBytes = 0
  let headersBytes = 0
  for (let at = 0; at < count; at++) {
    const message = messages[at]
    bodyBytes += message.body.length
    if (message.dedup !== undefined) flags |= flagDedup
    if (message.key !== undefined) {
      flags |= flagKey
      keyBytes += message.key.length
    }
    if (message.headers !== undefined) {
      flags |= flagHeaders
      headersBytes += message.headers.length
    }
  }
  let columnBytes = 4 * count
  if ((flags & flagDedup) !== 0) columnBytes += 16 * count
  if ((flags & flagKey) !== 0) columnBytes += 2 * count + keyBytes
  if ((flags & flagHeaders) !== 0) columnBytes += 2 * count + headersBytes
  // Above the pool's half this is one exact allocation, not zeroed: every byte is written below.
  const out = Buffer.allocUnsafe(headerBytes + columnBytes + bodyBytes)
  out[0] = 1
  out[1] = flags
  out.writeUInt16LE(count, 2)
  out.writeUInt32LE(columnBytes, 4)
  out.writeUInt32LE(bodyBytes, 8)
  out.writeUInt32LE(0, 12)
  let at = headerBytes
  for (let index = 0; index < count; index++) {
    const length = messages[index].body.length
    out[at] = length
    out[at + 1] = length >>> 8
    out[at + 2] = length >>> 16
    out[at + 3] = length >>> 24
    at += 4
  }
  if ((flags & flagDedup) !== 0) {
    for (let index = 0; index < count; index++) {
      const dedup = messages[index].dedup
      if (dedup === undefined) out.fill(0, at, at + 16)
      else out.set(dedup, at)
      at += 16
    }
  }
  if ((flags & flagKey) !== 0) at = writeColumn(out, at, messages, "key")
  if ((flags & flagHeaders) !== 0) at = writeColumn(out, at, messages, "headers")
  for (let index = 0; index < count; index++) {
    const body = messages[index].body
    out.set(body, at)
    at += body.length
  }
  invariant(at === out.length, "a frame's parts fill it exactly")
  return out
}

const writeColumn = (
  out: Buffer,
  start: number,
  messages: readonly FrameMessage[],
  column: "headers" | "key",
): number => {
  let lengthAt = start
  let at = start + 2 * messages.length
  for (const message of messages) {
    const bytes = message[column]
    const length = bytes === undefined ? 0 : bytes.length
    out[lengthAt] = length
    out[lengthAt + 1] = length >>> 8
    lengthAt += 2
    if (bytes !== undefined) {
      out.set(bytes, at)
      at += length
    }
  }
  return at
}

/** A frame with the places of its parts; positions into its bytes, nothing copied. */
export interface FrameParts {
  readonly bytes: Uint8Array
  readonly count: number
  /** `count + 1` offsets: body i lies in `bodyAt[i] .. bodyAt[i + 1]`. */
  readonly bodyAt: Uint32Array
  /** As `bodyAt`, when the frame has keys. */
  readonly keyAt?: Uint32Array
  readonly headersAt?: Uint32Array
  /** Where the 16-byte hashes begin, when the frame has them. */
  readonly dedupAt?: number
}

/** `undefined`: the bytes are no whole frame of version 1. */
export const readFrame = (bytes: Uint8Array): FrameParts | undefined => {
  if (bytes.length < headerBytes || bytes[0] !== 1 || bytes[1] > 7) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const flags = bytes[1]
  const count = view.getUint16(2, true)
  const columnsEnd = headerBytes + view.getUint32(4, true)
  if (columnsEnd + view.getUint32(8, true) !== bytes.length) return undefined
  let at = headerBytes + 4 * count
  if (count === 0 || at > columnsEnd) return undefined
  const bodyAt = new Uint32Array(count + 1)
  let bodyEnd = columnsEnd
  bodyAt[0] = bodyEnd
  for (let index = 0; index < count; index++) {
    bodyEnd += view.getUint32(headerBytes + 4 * index, true)
    if (bodyEnd > bytes.length) return undefined
    bodyAt[index + 1] = bodyEnd
  }
  if (bodyEnd !== bytes.length) return undefined
  const dedupAt = at
  if ((flags & flagDedup) !== 0) at += 16 * count
  const keyAt = (flags & flagKey) !== 0 ? readColumn(view, at, count, columnsEnd) : undefined
  if (keyAt !== undefined) at = keyAt[count]
  const headersAt =
    (flags & flagHeaders) !== 0 ? readColumn(view, at, count, columnsEnd) : undefined
  if (headersAt !== undefined) at = headersAt[count]
  if (at !== columnsEnd) return undefined
  return {
    bytes,
    count,
    bodyAt,
    ...(keyAt !== undefined && { keyAt }),
    ...(headersAt !== undefined && { headersAt }),
    ...((flags & flagDedup) !== 0 && { dedupAt }),
  }
}

const readColumn = (
  view: DataView,
  start: number,
  count: number,
  end: number,
): Uint32Array | undefined => {
  let at = start + 2 * count
  if (at > end) return undefined
  const offsets = new Uint32Array(count + 1)
  offsets[0] = at
  for (let index = 0; index < count; index++) {
    at += view.getUint16(start + 2 * index, true)
    if (at > end) return undefined
    offsets[index + 1] = at
  }
  return offsets
}
