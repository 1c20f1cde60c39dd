/**
 * Owns: putting messages together into frames. It keeps references until `finish`, so every body is
 * copied exactly once; callers must not change the bytes they handed over.
 * Must not know: what a body holds, time, sockets.
 */
import { invariant, limits, type SkeinError, skeinError } from "@skein/model"
import {
  dedupBytes,
  type FrameMessage,
  frameFlags,
  frameHeaderBytes,
  frameVersion,
} from "./Frame.js"

/** Why `message` can be in no frame (BodyTooLarge, LimitExceeded, FrameInvalid), if it cannot. */
export const messageProblem = (message: FrameMessage): SkeinError | undefined => {
  const { body, key, headers, dedup } = message
  if (body.length === 0) return skeinError("FrameInvalid", "a body is a msgpack value, not 0 bytes")
  if (body.length > limits.bodyBytesMax) {
    return skeinError(
      "BodyTooLarge",
      `the body has ${body.length} bytes, at most ${limits.bodyBytesMax} are taken`,
      { bytes: body.length, bodyBytesMax: limits.bodyBytesMax },
    )
  }
  if (key !== undefined && key.length > limits.keyBytesMax) {
    return skeinError("LimitExceeded", `the key has ${key.length} bytes`, {
      limit: "keyBytesMax",
      max: limits.keyBytesMax,
    })
  }
  if (headers !== undefined && headers.length > limits.headersBytesMax) {
    return skeinError("LimitExceeded", `the headers have ${headers.length} bytes`, {
      limit: "headersBytesMax",
      max: limits.headersBytesMax,
    })
  }
  if (dedup !== undefined && dedup.length !== dedupBytes) {
    return skeinError("FrameInvalid", `a dedup hash has ${dedupBytes} bytes, not ${dedup.length}`)
  }
  return undefined
}

/**
 * Gathers messages until the frame is full; `finish` gives the frame and makes room for the next.
 */
export class FrameWriter {
  #bodies: Uint8Array[] = []
  #keys: (Uint8Array | undefined)[] = []
  #headers: (Uint8Array | undefined)[] = []
  #dedups: (Uint8Array | undefined)[] = []
  #bodyBytes = 0
  #keyBytes = 0
  #headersBytes = 0
  #flags = 0
  readonly #bytesAim: number
  readonly #messagesMax: number

  constructor(
    bytesAim: number = limits.frameBytesAim,
    messagesMax: number = limits.frameMessagesMax,
  ) {
    this.#bytesAim = bytesAim
    this.#messagesMax = Math.min(messagesMax, limits.frameMessagesMax)
  }

  get count(): number {
    return this.#bodies.length
  }

  /** Bytes of the frame that `finish` would give now. */
  get bytes(): number {
    return frameHeaderBytes + this.#columnBytes() + this.#bodyBytes
  }

  /**
   * Adds the message, or answers `false`: the frame is full, finish it first. The first message of
   * a frame always fits. The message must be without a {@link messageProblem}.
   */
  append(message: FrameMessage): boolean {
    const at = this.#bodies.length
    const { body, key, headers, dedup } = message
    const bytes = body.length + (key?.length ?? 0) + (headers?.length ?? 0)
    if (at > 0) {
      if (at >= this.#messagesMax) return false
      // 24: what the message can add to the columns; a bound, so that nothing is summed up twice.
      if (this.#payloadBytes() + at * 24 + bytes + 24 > this.#bytesAim) return false
    }
    this.#bodies.push(body)
    this.#bodyBytes += body.length
    if (key !== undefined && key.length > 0) {
      this.#keys[at] = key
      this.#keyBytes += key.length
      this.#flags |= frameFlags.key
    }
    if (headers !== undefined && headers.length > 0) {
      this.#headers[at] = headers
      this.#headersBytes += headers.length
      this.#flags |= frameFlags.headers
    }
    if (dedup !== undefined) {
      this.#dedups[at] = dedup
      this.#flags |= frameFlags.dedup
    }
    return true
  }

  /** The frame, in a buffer of exactly its size. The writer is empty again. */
  finish(): Uint8Array {
    const count = this.#bodies.length
    invariant(count > 0, "a frame holds at least one message")
    const columnBytes = this.#columnBytes()
    const out = new Uint8Array(frameHeaderBytes + columnBytes + this.#bodyBytes)
    const view = new DataView(out.buffer)
    out[0] = frameVersion
    out[1] = this.#flags
    view.setUint16(2, count, true)
    view.setUint32(4, columnBytes, true)
    view.setUint32(8, this.#bodyBytes, true)
    let at = frameHeaderBytes
    for (let i = 0; i < count; i++, at += 4) view.setUint32(at, this.#bodies[i].length, true)
    if ((this.#flags & frameFlags.dedup) !== 0) {
      for (let i = 0; i < count; i++, at += dedupBytes) {
        const dedup = this.#dedups[i]
        if (dedup !== undefined) out.set(dedup, at)
      }
    }
    if ((this.#flags & frameFlags.key) !== 0) at = putColumn(out, view, at, this.#keys, count)
    if ((this.#flags & frameFlags.headers) !== 0)
      at = putColumn(out, view, at, this.#headers, count)
    for (let i = 0; i < count; i++) {
      const body = this.#bodies[i]
      out.set(body, at)
      at += body.length
    }
    invariant(at === out.length, "a frame's parts fill it exactly")
    this.clear()
    return out
  }

  /** Forgets what was appended. */
  clear(): void {
    this.#bodies = []
    if ((this.#flags & frameFlags.key) !== 0) this.#keys = []
    if ((this.#flags & frameFlags.headers) !== 0) this.#headers = []
    if ((this.#flags & frameFlags.dedup) !== 0) this.#dedups = []
    this.#bodyBytes = 0
    this.#keyBytes = 0
    this.#headersBytes = 0
    this.#flags = 0
  }

  #payloadBytes(): number {
    return frameHeaderBytes + this.#bodyBytes + this.#keyBytes + this.#headersBytes
  }

  #columnBytes(): number {
    const count = this.#bodies.length
    let bytes = 4 * count
    if ((this.#flags & frameFlags.dedup) !== 0) bytes += dedupBytes * count
    if ((this.#flags & frameFlags.key) !== 0) bytes += 2 * count + this.#keyBytes
    if ((this.#flags & frameFlags.headers) !== 0) bytes += 2 * count + this.#headersBytes
    return bytes
  }
}

/** One frame of all `messages`, whatever its size; each without a {@link messageProblem}. */
export const encodeFrame = (messages: readonly FrameMessage[]): Uint8Array => {
  const writer = new FrameWriter(Number.POSITIVE_INFINITY)
  for (let i = 0; i < messages.length; i++) {
    invariant(writer.append(messages[i]), "a frame holds at most frameMessagesMax messages")
  }
  return writer.finish()
}

/** Lengths, then bytes. */
const putColumn = (
  out: Uint8Array,
  view: DataView,
  at: number,
  values: readonly (Uint8Array | undefined)[],
  count: number,
): number => {
  let bytesAt = at + 2 * count
  for (let i = 0; i < count; i++) {
    const value = values[i]
    if (value === undefined) continue
    view.setUint16(at + 2 * i, value.length, true)
    out.set(value, bytesAt)
    bytesAt += value.length
  }
  return bytesAt
}
