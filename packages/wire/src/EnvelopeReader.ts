/**
 * Owns: cutting a byte stream into envelopes. Each payload is one buffer of exactly its size,
 * filled in place; a length is checked as soon as its four bytes are there, before anything is
 * allocated.
 * A large envelope's buffer grows with what has really arrived, so an announcement alone is cheap.
 * Before the hello the reader is strict: it refuses at the first byte that cannot be a hello's.
 * Must not know: sockets, time. Deadlines are the shell's: see `partialBytes`.
 */
import { invariant, limits, skeinError, type Tagged } from "@skein/model"
import {
  envelopeHeaderBytes,
  envelopeLengthMin,
  kindName,
  kinds,
  protocolVersion,
} from "./Envelope.js"

/** Answers `false` to stop: the rest of the bytes is dropped. */
export type TakeEnvelope = (kind: number, correlation: number, payload: Uint8Array) => boolean

export type EnvelopeProblem = Tagged<"LimitExceeded" | "ProtocolError" | "VersionUnsupported">

export interface EnvelopeReaderOptions {
  /** The first envelope must be a hello of at most `limits.helloBytesMax`. */
  readonly helloFirst?: boolean
  /** How to get a buffer; its content does not matter, it is overwritten. */
  readonly allocate?: (byteCount: number) => Uint8Array
}

/** Allocated at once when an envelope begins; more only when so much has arrived. */
export const firstAllocationBytesMax = limits.frameBytesAim + 64 * 1024

export class EnvelopeReader {
  readonly #header = new Uint8Array(envelopeHeaderBytes)
  #headerBytes = 0
  #payload: Uint8Array | undefined
  #payloadBytes = 0
  #filled = 0
  #greeted: boolean
  #problem: EnvelopeProblem | undefined
  readonly #allocate: (byteCount: number) => Uint8Array

  constructor(options: EnvelopeReaderOptions = {}) {
    this.#greeted = options.helloFirst !== true
    this.#allocate = options.allocate ?? ((byteCount) => new Uint8Array(byteCount))
  }

  /** Bytes held of an envelope that is not complete; 0 between envelopes. */
  get partialBytes(): number {
    return this.#headerBytes + (this.#payload?.length ?? 0)
  }

  /**
   * Takes the next bytes of the stream and calls `take` for each envelope that they complete. A
   * problem is final: the stream cannot be read any further. `chunk` is not kept.
   */
  push(chunk: Uint8Array, take: TakeEnvelope): EnvelopeProblem | undefined {
    if (this.#problem !== undefined) return this.#problem
    let at = 0
    while (at < chunk.length) {
      if (this.#payload === undefined) {
        const headerAt = this.#headerBytes === 0 && chunk.length - at >= envelopeHeaderBytes
        if (headerAt) {
          this.#problem = this.#checkHeader(chunk, at, envelopeHeaderBytes)
          if (this.#problem !== undefined) return this.#problem
          const length = u32(chunk, at)
          const end = at + 4 + length
          if (end <= chunk.length) {
            // The usual case for small envelopes: it lies whole in the chunk.
            const payload = this.#allocate(length - envelopeLengthMin)
            payload.set(chunk.subarray(at + envelopeHeaderBytes, end))
            this.#greeted = true
            const go = take(chunk[at + 5], u32(chunk, at + 6), payload)
            if (!go) return undefined
            at = end
            continue
          }
        }
        at = this.#takeHeader(chunk, at)
        if (this.#problem !== undefined) return this.#problem
        if (this.#headerBytes < envelopeHeaderBytes) return undefined
        this.#beginPayload()
      }
      at = this.#takePayload(chunk, at)
      if (this.#filled === this.#payloadBytes && !this.#complete(take)) return undefined
    }
    return undefined
  }

  #takeHeader(chunk: Uint8Array, from: number): number {
    let at = from
    while (at < chunk.length && this.#headerBytes < envelopeHeaderBytes) {
      this.#header[this.#headerBytes++] = chunk[at++]
    }
    this.#problem = this.#checkHeader(this.#header, 0, this.#headerBytes)
    return at
  }

  #beginPayload(): void {
    this.#payloadBytes = u32(this.#header, 0) - envelopeLengthMin
    this.#payload = this.#allocate(Math.min(this.#payloadBytes, firstAllocationBytesMax))
    this.#filled = 0
  }

  #takePayload(chunk: Uint8Array, at: number): number {
    let payload = this.#payload
    invariant(payload !== undefined, "a payload is begun before it is filled")
    const count = Math.min(chunk.length - at, this.#payloadBytes - this.#filled)
    if (this.#filled + count > payload.length) {
      const doubled = Math.max(2 * payload.length, this.#filled + count)
      const grown = this.#allocate(Math.min(doubled, this.#payloadBytes))
      grown.set(payload.subarray(0, this.#filled))
      payload = grown
      this.#payload = grown
    }
    payload.set(chunk.subarray(at, at + count), this.#filled)
    this.#filled += count
    return at + count
  }

  #complete(take: TakeEnvelope): boolean {
    const payload = this.#payload
    invariant(payload !== undefined, "a complete envelope has its payload")
    this.#payload = undefined
    this.#headerBytes = 0
    this.#filled = 0
    this.#greeted = true
    return take(this.#header[5], u32(this.#header, 6), payload)
  }

  /** Looks at as much of a header as there is. */
  #checkHeader(bytes: Uint8Array, at: number, have: number): EnvelopeProblem | undefined {
    if (have < 4) return undefined
    const length = u32(bytes, at)
    if (!this.#greeted && (length < envelopeLengthMin || length > limits.helloBytesMax)) {
      return skeinError("ProtocolError", "a connection begins with a Skein hello: see PROTOCOL.md")
    }
    if (length < envelopeLengthMin) {
      return skeinError("ProtocolError", `an envelope's length is at least 6, not ${length}`)
    }
    if (length > limits.envelopeBytesMax) {
      return skeinError(
        "LimitExceeded",
        `an envelope of ${length} bytes is over the limit of ${limits.envelopeBytesMax}`,
        { limit: "envelopeBytesMax", max: limits.envelopeBytesMax },
      )
    }
    if (have < 5) return undefined
    if (bytes[at + 4] !== protocolVersion) {
      return skeinError(
        "VersionUnsupported",
        `protocol version ${bytes[at + 4]} is not spoken here, only ${protocolVersion}`,
        { min: protocolVersion, max: protocolVersion },
      )
    }
    if (have < 6) return undefined
    const kind = bytes[at + 5]
    if (kindName(kind) === undefined) {
      return skeinError("ProtocolError", `envelope kind ${kind} is unknown`)
    }
    if (!this.#greeted && kind !== kinds.hello) {
      return skeinError("ProtocolError", `${kindName(kind)} before hello`)
    }
    return undefined
  }
}

const u32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0
