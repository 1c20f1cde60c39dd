/**
 * Owns: walking a msgpack value before anything is built of it: no recursion, no allocation that an
 * input could steer. Refused: nesting beyond `limits.msgpackDepthMax`, counts that cannot fit in
 * the bytes that are there, extension types (records, classes, dates), keys that are not strings or
 * name a prototype, trailing bytes.
 */
import { limits } from "@skein/model"

export interface ScanOptions {
  /** Also refuse integers beyond 2^53, invalid UTF-8 and repeated keys: control messages. */
  readonly strict?: boolean
}

const forbiddenKeys = ["__proto__", "constructor", "prototype"].map((key) =>
  new TextEncoder().encode(key),
)

/** Why `bytes` are not one msgpack value that is safe to unpack, or `undefined` if they are. */
export const scanValue = (bytes: Uint8Array, options: ScanOptions = {}): string | undefined =>
  scan.run(bytes, options.strict === true)

/** Bytes that follow a head of fixed size, by first byte minus 0xc0; -1 = not a fixed head. */
const fixedBytes = [0, -1, 0, 0, -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8] as const

const nothing = new Uint8Array(0)

class Scan {
  #bytes: Uint8Array = nothing
  #strict = false
  readonly #left = new Float64Array(limits.msgpackDepthMax + 1)
  /** 1 where the level is a map; then an even `left` means that a key comes next. */
  readonly #isMap = new Uint8Array(limits.msgpackDepthMax + 1)
  #keys: (Set<string> | undefined)[] = []
  #depth = 0
  #at = 0

  run(bytes: Uint8Array, strict: boolean): string | undefined {
    this.#bytes = bytes
    this.#strict = strict
    this.#at = 0
    this.#depth = 0
    this.#left[0] = 1
    const problem = this.#walk()
    this.#bytes = nothing
    this.#keys = []
    return problem
  }

  #walk(): string | undefined {
    while (true) {
      while (this.#left[this.#depth] === 0) {
        if (this.#depth === 0) return this.#end()
        this.#depth--
      }
      if (this.#at >= this.#bytes.length) return "the value is cut short"
      const isKey = this.#isMap[this.#depth] === 1 && this.#left[this.#depth] % 2 === 0
      this.#left[this.#depth]--
      const problem = isKey ? this.#key() : this.#value()
      if (problem !== undefined) return problem
    }
  }

  #end(): string | undefined {
    return this.#at === this.#bytes.length ? undefined : "bytes follow the value"
  }

  #value(): string | undefined {
    const head = this.#bytes[this.#at]
    if (head <= 0x7f || head >= 0xe0) return this.#skip(1)
    if (head <= 0x8f) return this.#open(1, 2 * (head & 0x0f), true)
    if (head <= 0x9f) return this.#open(1, head & 0x0f, false)
    if (head <= 0xbf) return this.#text(1, head & 0x1f)
    switch (head) {
      case 0xc4:
        return this.#skip(2 + this.#count(1))
      case 0xc5:
        return this.#skip(3 + this.#count(2))
      case 0xc6:
        return this.#skip(5 + this.#count(4))
      case 0xcf:
      case 0xd3:
        return this.#int64(head === 0xd3)
      case 0xd9:
        return this.#text(2, this.#count(1))
      case 0xda:
        return this.#text(3, this.#count(2))
      case 0xdb:
        return this.#text(5, this.#count(4))
      case 0xdc:
        return this.#open(3, this.#count(2), false)
      case 0xdd:
        return this.#open(5, this.#count(4), false)
      case 0xde:
        return this.#open(3, 2 * this.#count(2), true)
      case 0xdf:
        return this.#open(5, 2 * this.#count(4), true)
    }
    const fixed = fixedBytes[head - 0xc0] ?? -1
    if (fixed >= 0) return this.#skip(1 + fixed)
    return head === 0xc1 ? "0xc1 is no msgpack" : "extension types are not taken"
  }

  /** A count in the `width` bytes after the head; beyond the end it is too large for anything. */
  #count(width: 1 | 2 | 4): number {
    const at = this.#at + 1
    const bytes = this.#bytes
    if (at + width > bytes.length) return Number.POSITIVE_INFINITY
    if (width === 1) return bytes[at]
    if (width === 2) return bytes[at] * 0x100 + bytes[at + 1]
    return (
      bytes[at] * 0x1_00_00_00 + bytes[at + 1] * 0x1_00_00 + bytes[at + 2] * 0x100 + bytes[at + 3]
    )
  }

  #skip(byteCount: number): string | undefined {
    if (byteCount > this.#bytes.length - this.#at) return "a length reaches beyond the end"
    this.#at += byteCount
    return undefined
  }

  #open(headBytes: number, items: number, isMap: boolean): string | undefined {
    // Each item takes a byte at least.
    if (headBytes + items > this.#bytes.length - this.#at) return "a count reaches beyond the end"
    this.#at += headBytes
    if (this.#depth === limits.msgpackDepthMax) {
      return `nested deeper than ${limits.msgpackDepthMax}`
    }
    this.#depth++
    this.#left[this.#depth] = items
    this.#isMap[this.#depth] = isMap ? 1 : 0
    if (this.#strict && isMap) this.#keys[this.#depth] = new Set()
    return undefined
  }

  #text(headBytes: number, byteCount: number): string | undefined {
    const from = this.#at + headBytes
    const problem = this.#skip(headBytes + byteCount)
    if (problem !== undefined) return problem
    return this.#strict && !isUtf8(this.#bytes, from, from + byteCount)
      ? "a string is not UTF-8"
      : undefined
  }

  #key(): string | undefined {
    const head = this.#bytes[this.#at]
    const headBytes = head >= 0xa0 && head <= 0xbf ? 1 : head >= 0xd9 && head <= 0xdb ? 2 : 0
    if (headBytes === 0) return "a map's key is not a string"
    const wide = head === 0xd9 ? 1 : head === 0xda ? 2 : head === 0xdb ? 4 : 0
    const byteCount = wide === 0 ? head & 0x1f : this.#count(wide)
    const from = this.#at + 1 + wide
    const problem = this.#text(1 + wide, byteCount)
    if (problem !== undefined) return problem
    for (const key of forbiddenKeys) {
      if (byteCount === key.length && sameBytes(this.#bytes, from, key)) {
        return "a key names a prototype"
      }
    }
    if (!this.#strict) return undefined
    const keys = this.#keys[this.#depth]
    const text = String.fromCharCode(
      ...this.#bytes.subarray(from, Math.min(from + byteCount, from + 1024)),
    )
    if (byteCount > 1024) return "a key is longer than 1024 bytes"
    if (keys?.has(text) === true) return "a key is repeated"
    keys?.add(text)
    return undefined
  }

  #int64(signed: boolean): string | undefined {
    const at = this.#at + 1
    const problem = this.#skip(9)
    if (problem !== undefined || !this.#strict) return problem
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, 8)
    const value = signed ? view.getBigInt64(0) : view.getBigUint64(0)
    return value > 0x1f_ffff_ffff_ffffn || value < -0x1f_ffff_ffff_ffffn
      ? "an integer lies beyond 2^53"
      : undefined
  }
}

/** One for all: a scan runs to its end before the next begins, and keeps nothing. */
const scan = new Scan()

const sameBytes = (bytes: Uint8Array, from: number, wanted: Uint8Array): boolean => {
  for (let i = 0; i < wanted.length; i++) if (bytes[from + i] !== wanted[i]) return false
  return true
}

const fatal = new TextDecoder("utf-8", { fatal: true })

const isUtf8 = (bytes: Uint8Array, from: number, to: number): boolean => {
  let at = from
  while (at < to && bytes[at] < 0x80) at++
  if (at === to) return true
  try {
    fatal.decode(bytes.subarray(at, to))
    return true
  } catch {
    return false
  }
}
