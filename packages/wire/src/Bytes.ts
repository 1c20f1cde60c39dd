/**
 * Owns: reading and writing the fixed binary fields of the wire, little-endian. A reader never
 * throws and never reads past its end: what is short or out of range sets `bad`, and is looked at
 * once, when all fields are read.
 */
import { invariant } from "@skein/model"

const twoTo32 = 0x1_0000_0000
/** Numbers travel as u64 and must fit a double exactly. */
const highWordMax = 0x1f_ffff

const hexPairs: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, "0"),
)

export class ByteReader {
  /** A field lay beyond the end, or a u64 beyond 2^53 - 1. */
  bad = false
  at = 0
  readonly bytes: Uint8Array
  readonly #view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get remaining(): number {
    return this.bytes.length - this.at
  }

  /** All was read, and all of it was good. */
  get ended(): boolean {
    return !this.bad && this.at === this.bytes.length
  }

  u8(): number {
    const at = this.#take(1)
    return at < 0 ? 0 : this.bytes[at]
  }

  u16(): number {
    const at = this.#take(2)
    return at < 0 ? 0 : this.#view.getUint16(at, true)
  }

  u32(): number {
    const at = this.#take(4)
    return at < 0 ? 0 : this.#view.getUint32(at, true)
  }

  u53(): number {
    const at = this.#take(8)
    if (at < 0) return 0
    const high = this.#view.getUint32(at + 4, true)
    if (high > highWordMax) this.bad = true
    return high * twoTo32 + this.#view.getUint32(at, true)
  }

  /** 16 bytes as 32 hexadecimal digits. */
  hex128(): string {
    const at = this.#take(16)
    if (at < 0) return ""
    let text = ""
    for (let i = at; i < at + 16; i++) text += hexPairs[this.bytes[i]]
    return text
  }

  /** A view of `count` bytes. */
  take(count: number): Uint8Array {
    const at = this.#take(count)
    return this.bytes.subarray(at < 0 ? 0 : at, at < 0 ? 0 : at + count)
  }

  rest(): Uint8Array {
    return this.take(this.bytes.length - this.at)
  }

  #take(count: number): number {
    const at = this.at
    if (count > this.bytes.length - at) {
      this.bad = true
      this.at = this.bytes.length
      return -1
    }
    this.at = at + count
    return at
  }
}

/** Fills a buffer whose size was computed before; more or less is a programmer error. */
export class ByteWriter {
  readonly bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(byteCount: number) {
    this.bytes = new Uint8Array(byteCount)
    this.#view = new DataView(this.bytes.buffer)
  }

  u8(value: number): this {
    this.#view.setUint8(this.#at, value)
    this.#at += 1
    return this
  }

  u16(value: number): this {
    this.#view.setUint16(this.#at, value, true)
    this.#at += 2
    return this
  }

  u32(value: number): this {
    this.#view.setUint32(this.#at, value, true)
    this.#at += 4
    return this
  }

  u53(value: number): this {
    this.#view.setUint32(this.#at, value % twoTo32, true)
    this.#view.setUint32(this.#at + 4, Math.floor(value / twoTo32), true)
    this.#at += 8
    return this
  }

  hex128(text: string): this {
    invariant(text.length === 32, "an id has 32 hexadecimal digits")
    for (let i = 0; i < 32; i += 2) {
      this.bytes[this.#at++] = (digit(text.charCodeAt(i)) << 4) | digit(text.charCodeAt(i + 1))
    }
    return this
  }

  put(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }

  /** The filled buffer. */
  done(): Uint8Array {
    invariant(this.#at === this.bytes.length, "a writer's fields fill its buffer exactly")
    return this.bytes
  }
}

// "0".."9" and "a".."f"
const digit = (code: number): number => (code < 58 ? code - 48 : code - 87)
