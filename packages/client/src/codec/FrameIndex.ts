/**
 * Owns: random access to the messages of a delivered frame: where each body, key and header lies.
 * Positions into its bytes, nothing copied.
 */
import { SkeinError } from "@skein/model"
import { type FrameMessage, frameHeaderBytes, viewFrame } from "@skein/wire"

export interface FrameIndex {
  readonly bytes: Uint8Array
  readonly count: number
  /** `count + 1` offsets: body i lies in `bodyAt[i] .. bodyAt[i + 1]`. */
  readonly bodyAt: Uint32Array
  /** As `bodyAt`; `undefined` when the frame has no keys. */
  readonly keyAt: Uint32Array | undefined
  readonly headersAt: Uint32Array | undefined
}

/** `undefined`: the bytes are no whole frame. */
export const indexFrame = (bytes: Uint8Array): FrameIndex | undefined => {
  const view = viewFrame(bytes)
  if (view instanceof SkeinError) return undefined
  const { count, bodiesAt, keyLengthsAt, keysAt, headersLengthsAt, headersAt } = view
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const bodyAt = new Uint32Array(count + 1)
  let at = bodiesAt
  for (let index = 0; index < count; index++) {
    bodyAt[index] = at
    at += data.getUint32(frameHeaderBytes + 4 * index, true)
  }
  bodyAt[count] = at
  return {
    bytes,
    count,
    bodyAt,
    keyAt: keyLengthsAt > 0 ? offsets(data, keyLengthsAt, keysAt, count) : undefined,
    headersAt: headersLengthsAt > 0 ? offsets(data, headersLengthsAt, headersAt, count) : undefined,
  }
}

const offsets = (data: DataView, lengthsAt: number, from: number, count: number): Uint32Array => {
  const out = new Uint32Array(count + 1)
  let at = from
  for (let index = 0; index < count; index++) {
    out[index] = at
    at += data.getUint16(lengthsAt + 2 * index, true)
  }
  out[count] = at
  return out
}

/** Bytes that `message` adds to a frame (a bound: columns of the other messages apart). */
export const frameCost = (message: FrameMessage): number =>
  8 +
  message.body.length +
  (message.dedup === undefined ? 0 : 16) +
  (message.key === undefined ? 0 : message.key.length) +
  (message.headers === undefined ? 0 : message.headers.length)
