/**
 * Message bodies: 8 bytes of time (milliseconds of this process's monotonic clock, f64 little
 * endian), then filler that is the same for all. Pure.
 */

export const stampBytes = 8
/** A body must hold its stamp. */
export const bodyBytesMin = 16

const scratch = new Float64Array(1)
const scratchBytes = new Uint8Array(scratch.buffer)
const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789 "

/** Bodies of `bytes` bytes; the filler is text without a short period. */
export const bodyMaker = (bytes: number): ((stampMs: number) => Buffer) => {
  const template = Buffer.alloc(bytes)
  let word = 1
  for (let at = 0; at < bytes; at++) {
    word = (Math.imul(word, 1_103_515_245) + 12_345) >>> 0
    template[at] = alphabet.charCodeAt((word >>> 16) % alphabet.length)
  }
  return (stampMs) => {
    const body = Buffer.allocUnsafe(bytes)
    template.copy(body)
    body.writeDoubleLE(stampMs, 0)
    return body
  }
}

/** The stamp of a body, which may start at any offset of its buffer. */
export const stampOf = (body: Uint8Array): number => {
  for (let at = 0; at < stampBytes; at++) scratchBytes[at] = body[at]!
  return scratch[0]!
}
