/**
 * Owns: what waits to be written to one connection, gathered so that many small envelopes leave in
 * few writes while large frames are not copied.
 * Must not know: the socket, when to flush.
 */
import type { Parts } from "./Envelope.js"

/** Parts below this are copied together; larger ones are handed on as they are. */
const copyBelowBytes = 16 * 1024
/** Of one gathered buffer. */
const gatheredBytesMax = 64 * 1024

export class Outbox {
  #parts: Uint8Array[] = []
  #bytes = 0

  /** Bytes waiting. */
  get bytes(): number {
    return this.#bytes
  }

  push(parts: Parts): void {
    for (const part of parts) {
      this.#parts.push(part)
      this.#bytes += part.length
    }
  }

  /** All that waits, in order, as buffers worth a write each; the outbox is empty then. */
  take(): Uint8Array[] {
    const parts = this.#parts
    this.#parts = []
    this.#bytes = 0
    if (parts.length < 2) return parts
    const out: Uint8Array[] = []
    let from = 0
    let gathered = 0
    for (let i = 0; i <= parts.length; i++) {
      const length = i < parts.length ? parts[i].length : Number.POSITIVE_INFINITY
      if (length < copyBelowBytes && gathered + length <= gatheredBytesMax) {
        gathered += length
        continue
      }
      if (i > from) out.push(join(parts, from, i, gathered))
      from = i
      gathered = length
      if (length >= copyBelowBytes && i < parts.length) {
        out.push(parts[i])
        from = i + 1
        gathered = 0
      }
    }
    return out
  }
}

const join = (parts: Parts, from: number, to: number, byteCount: number): Uint8Array => {
  if (to - from === 1) return parts[from]
  const out = new Uint8Array(byteCount)
  let at = 0
  for (let i = from; i < to; i++) {
    out.set(parts[i], at)
    at += parts[i].length
  }
  return out
}
