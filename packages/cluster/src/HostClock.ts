/**
 * Owns: the chunk of a checkpoint that says how far the shard's journal time had come, so that it
 * does not go back over a clean restart when the wall clock was set back. One f64, little-endian.
 */
import { invariant } from "@skein/model"

/** Not of the form of an actor's key. */
export const clockKey = "clock"

export const encodeClock = (journalMs: number): Uint8Array => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, journalMs, true)
  return bytes
}

export const decodeClock = (bytes: Uint8Array): number => {
  invariant(bytes.length === 8, "the clock's chunk has 8 bytes")
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(0, true)
}
