/**
 * Owns: frames in memory, bounded by bytes: what was committed lately, so that a delivery that
 * follows its publish never touches the disk. First in, first out: a frame leaves early when it is
 * released, and a queue is read in the order in which it was written.
 */
import { limits } from "@skein/model"

/** What an entry costs beyond its bytes, roughly. */
const entryBytes = 160

export class FrameCache {
  readonly #frames = new Map<number, Uint8Array>()
  /** Keys in the order of their coming; those that left early stay in until they are met. */
  #order: number[] = []
  #next = 0
  #bytes = 0

  constructor(readonly bytesMax: number = limits.bodyCacheBytesMax) {}

  get bytes(): number {
    return this.#bytes
  }

  get(key: number): Uint8Array | undefined {
    return this.#frames.get(key)
  }

  put(key: number, frame: Uint8Array): void {
    if (frame.length + entryBytes > this.bytesMax / 8 || this.#frames.has(key)) return
    const held = owned(frame)
    this.#frames.set(key, held)
    this.#bytes += held.length + entryBytes
    this.#order.push(key)
    if (this.#order.length > 2 * this.#frames.size + 4096) this.#compact()
    while (this.#bytes > this.bytesMax) this.remove(this.#order[this.#next++])
  }

  remove(key: number): void {
    const frame = this.#frames.get(key)
    if (frame === undefined) return
    this.#frames.delete(key)
    this.#bytes -= frame.length + entryBytes
  }

  /** Not an iterator over the map: one that rests keeps every table alive that the map outgrew. */
  #compact(): void {
    this.#order = [...this.#frames.keys()]
    this.#next = 0
  }
}

/** A small view must not keep a large buffer alive. */
const owned = (frame: Uint8Array): Uint8Array => {
  const spare = frame.buffer.byteLength - frame.length
  return spare <= 4096 + frame.length / 4 ? frame : Uint8Array.from(frame)
}
