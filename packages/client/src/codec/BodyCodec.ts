/**
 * Owns: a body as one msgpack value: raw bytes as `bin` without a detour through the packer, other
 * values packed as plain maps and arrays (no records, no shared structures).
 */
import { packValue, scanValue, unpackValue } from "@skein/wire"

/** Packs plain data; throws on what has no form that every consumer takes (dates, odd map keys). */
export const packBody = (value: unknown): Uint8Array => {
  if (value instanceof Uint8Array) return packBytes(value)
  const bytes = packValue(value)
  checkScan(bytes)
  return bytes
}

/** Throws on bytes that are not exactly one plain msgpack value. */
export const unpackBody = (bytes: Uint8Array): unknown => {
  const raw = rawBytes(bytes)
  if (raw !== undefined) return raw
  checkScan(bytes)
  return unpackValue(bytes)
}

const checkScan = (bytes: Uint8Array): void => {
  const problem = scanValue(bytes)
  if (problem !== undefined) throw new Error(problem)
}

/** `bytes` as a msgpack `bin`, copied: the caller may use its buffer again. */
export const packBytes = (bytes: Uint8Array): Uint8Array => {
  const length = bytes.length
  if (length < 0x100) {
    const out = Buffer.allocUnsafe(2 + length)
    out[0] = 0xc4
    out[1] = length
    out.set(bytes, 2)
    return out
  }
  if (length < 0x10000) {
    const out = Buffer.allocUnsafe(3 + length)
    out[0] = 0xc5
    out[1] = length >>> 8
    out[2] = length
    out.set(bytes, 3)
    return out
  }
  const out = Buffer.allocUnsafe(5 + length)
  out[0] = 0xc6
  out.writeUInt32BE(length, 1)
  out.set(bytes, 5)
  return out
}

/** The bytes inside a `bin` (a view, not a copy), or `undefined` when it is another value. */
export const rawBytes = (body: Uint8Array): Uint8Array | undefined => {
  const length = body.length
  if (length < 2) return undefined
  if (body[0] === 0xc4) return body[1] === length - 2 ? from(body, 2) : undefined
  if (body[0] === 0xc5 && length >= 3) {
    return body[1] * 0x100 + body[2] === length - 3 ? from(body, 3) : undefined
  }
  if (body[0] === 0xc6 && length >= 5) {
    const inside = body[1] * 0x1000000 + body[2] * 0x10000 + body[3] * 0x100 + body[4]
    return inside === length - 5 ? from(body, 5) : undefined
  }
  return undefined
}

// A plain Uint8Array even where the frame came as a Buffer.
const from = (body: Uint8Array, at: number): Uint8Array =>
  new Uint8Array(body.buffer, body.byteOffset + at, body.length - at)
