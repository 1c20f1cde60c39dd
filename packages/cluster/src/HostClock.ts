/**
 * Owns: the journal time of one shard: the wall clock's, but it never goes back, neither when that
 * clock is set back nor over a restart. A chunk of the shard's checkpoint says how far it had come:
 * one f64, little-endian.
 */
import type { Chunk } from "@skein/journal"
import { type Clock, invariant, type Now } from "@skein/model"

/** Not of the form of an actor's key. */
export const clockKey = "clock"

export class HostClock {
  private journalMs = 0

  constructor(private readonly clock: Pick<Clock, "monotonicMs" | "wallMs">) {}

  now(): Now {
    this.reached(this.clock.wallMs())
    return { journalMs: this.journalMs, monotonicMs: this.clock.monotonicMs() }
  }

  /** Something of that time was stored. */
  reached(journalMs: number): void {
    this.journalMs = Math.max(this.journalMs, journalMs)
  }

  chunk(): Chunk {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setFloat64(0, this.journalMs, true)
    return { key: clockKey, bytes }
  }

  /** From the bytes of a chunk. */
  restore(bytes: Uint8Array): void {
    invariant(bytes.length === 8, "the clock's chunk has 8 bytes")
    this.reached(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(0, true))
  }
}
