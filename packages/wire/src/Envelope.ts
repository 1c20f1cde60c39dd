/**
 * Owns: the envelope, the unit of the connection: its header, its kinds and how one is put
 * together.
 * Must not know: sockets; what the payloads mean (one file each does).
 *
 *   0 u32 length of what follows (6 + payload)
 *   4 u8  protocol version
 *   5 u8  kind
 *   6 u32 correlation: chosen by the client for a request, repeated in the answer; 0 = the
 *   connection
 *  10     payload
 */
import { invariant, limits } from "@skein/model"
import { ByteWriter } from "./Bytes.js"

export const protocolVersion = 1
/** Of length, version, kind and correlation. */
export const envelopeHeaderBytes = 10
/** What the length counts besides the payload. */
export const envelopeLengthMin = 6

/** Kind -> its number. Append only. */
export const kinds = {
  hello: 1,
  welcome: 2,
  error: 3,
  ping: 4,
  pong: 5,
  goaway: 6,
  rpc: 7,
  shardMap: 8,
  engine: 9,
  publish: 16,
  published: 17,
  fetch: 18,
  settled: 19,
  fetched: 20,
  cancelFetch: 21,
  settle: 22,
  extend: 23,
  extended: 24,
  openSession: 25,
  closeSession: 26,
  ok: 27,
} as const

export type Kind = keyof typeof kinds

const names = new Map<number, Kind>(
  Object.entries(kinds).map(([name, number]) => [number, name as Kind]),
)
/** `undefined` for a number that is no kind. */
export const kindName = (kind: number): Kind | undefined => names.get(kind)

/** Bytes to be sent one after the other: an envelope's head, and a frame that is not copied. */
export type Parts = readonly Uint8Array[]

/**
 * A writer that holds the header and waits for `fixedBytes` of payload. `tailBytes` will follow in
 * parts of their own, and count in the length.
 */
export const beginEnvelope = (
  kind: Kind,
  correlation: number,
  fixedBytes: number,
  tailBytes = 0,
): ByteWriter => {
  const length = envelopeLengthMin + fixedBytes + tailBytes
  invariant(length <= limits.envelopeBytesMax, "what is sent is bounded before it comes here")
  return new ByteWriter(envelopeHeaderBytes + fixedBytes)
    .u32(length)
    .u8(protocolVersion)
    .u8(kinds[kind])
    .u32(correlation)
}

/** An envelope of a payload that is there already. */
export const encodeEnvelope = (
  kind: Kind,
  correlation: number,
  payload: Uint8Array = empty,
): Parts => [beginEnvelope(kind, correlation, payload.length).put(payload).done()]

const empty = new Uint8Array(0)
