/**
 * Owns: reading the messages of a checked frame. Bodies, keys and headers are views into the
 * frame's bytes: whoever keeps one keeps the frame.
 */
import { dedupBytes, type FrameMessage, type FrameView, frameHeaderBytes } from "./Frame.js"

/** Called once a message, in order; absent key and headers are `undefined`. */
export type VisitMessage = (
  index: number,
  body: Uint8Array,
  key: Uint8Array | undefined,
  headers: Uint8Array | undefined,
) => void

/** Calls `visit` for each message, without building a list. */
export const visitMessages = (frame: FrameView, visit: VisitMessage): void => {
  const { bytes, count, keyLengthsAt, headersLengthsAt } = frame
  const { buffer, byteOffset } = bytes
  const view = new DataView(buffer, byteOffset, bytes.length)
  let bodyAt = byteOffset + frame.bodiesAt
  let keyAt = byteOffset + frame.keysAt
  let headersAt = byteOffset + frame.headersAt
  for (let i = 0; i < count; i++) {
    const bodyBytes = view.getUint32(frameHeaderBytes + 4 * i, true)
    let key: Uint8Array | undefined
    let headers: Uint8Array | undefined
    if (keyLengthsAt > 0) {
      const keyBytes = view.getUint16(keyLengthsAt + 2 * i, true)
      if (keyBytes > 0) key = new Uint8Array(buffer, keyAt, keyBytes)
      keyAt += keyBytes
    }
    if (headersLengthsAt > 0) {
      const headersBytes = view.getUint16(headersLengthsAt + 2 * i, true)
      if (headersBytes > 0) headers = new Uint8Array(buffer, headersAt, headersBytes)
      headersAt += headersBytes
    }
    visit(i, new Uint8Array(buffer, bodyAt, bodyBytes), key, headers)
    bodyAt += bodyBytes
  }
}

/** The messages as they were handed to the writer; a dedup hash of zeros reads as none. */
export const readMessages = (frame: FrameView): FrameMessage[] => {
  const messages: FrameMessage[] = []
  visitMessages(frame, (index, body, key, headers) => {
    const dedup = dedupOf(frame, index)
    messages.push({
      body,
      ...(key !== undefined && { key }),
      ...(headers !== undefined && { headers }),
      ...(dedup !== undefined && { dedup }),
    })
  })
  return messages
}

const dedupOf = (frame: FrameView, index: number): Uint8Array | undefined => {
  if (frame.dedup === undefined) return undefined
  const dedup = frame.dedup.subarray(dedupBytes * index, dedupBytes * (index + 1))
  for (let i = 0; i < dedupBytes; i++) if (dedup[i] !== 0) return dedup
  return undefined
}
