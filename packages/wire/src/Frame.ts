/**
 * Owns: the frame: many messages of one queue in one buffer, the unit that is sent, journaled and
 * delivered. A node checks lengths and slices; it never decodes a body.
 *
 * Layout, little-endian. Header of 16 bytes:
 *   0 u8  version (1)
 *   1 u8  flags: 1 dedup, 2 key, 4 headers, 8 priority, 16 due, 32 ttl; the rest must be 0
 *   2 u16 count, 1 to 4096
 *   4 u32 bytes of all columns
 *   8 u32 bytes of all bodies
 *  12 u32 0 (reserved)
 * Columns, each there if its flag is set, in this order:
 *   body lengths       u32[count]            (always)
 *   dedup              16 bytes[count], all zero for none
 *   key                u16[count] lengths, then the keys' bytes, length 0 for none
 *   headers            u16[count] lengths, then the headers' bytes (a msgpack map each)
 *   priority           u8[count]             (refused until priorities exist)
 *   due                f64[count] wall ms    (refused until delays exist)
 *   ttl                u32[count] ms         (refused until expiry exists)
 * Then the bodies one after the other, each a msgpack value of its own.
 */

/** One message as the client hands it to the writer. Body, key and headers are already bytes. */
export interface FrameMessage {
  readonly body: Uint8Array
  readonly key?: Uint8Array
  readonly headers?: Uint8Array
  /** 16 bytes: the first half of SHA-256 of the dedup id. */
  readonly dedup?: Uint8Array
}

/** A checked frame; positions into its bytes, nothing copied. */
export interface FrameView {
  readonly bytes: Uint8Array
  readonly count: number
  readonly bodyBytesLargest: number
  /** View of 16 * count bytes, when the frame has the column. */
  readonly dedup?: Uint8Array
  /** The flags of its header. */
  readonly flags: number
  /** Where each part starts, in bytes from the frame's start; 0 for a column that is absent. */
  readonly keyLengthsAt: number
  readonly keysAt: number
  readonly headersLengthsAt: number
  readonly headersAt: number
  readonly bodiesAt: number
}

export const frameVersion = 1
export const frameHeaderBytes = 16
export const dedupBytes = 16

export const frameFlags = {
  dedup: 1,
  key: 2,
  headers: 4,
  priority: 8,
  due: 16,
  ttl: 32,
} as const

/** Columns that this version can read. */
export const frameFlagsKnown = frameFlags.dedup | frameFlags.key | frameFlags.headers
