/**
 * Owns: how tuples are packed (MessagePack without records, classes or maps) and read again with a
 * check of every field. What does not fit is ShardCorrupt; a version of a later build is
 * VersionUnsupported. Stored numbers of versions and tags are append only.
 */
import { skeinError, type Tagged } from "@skein/model"
import { Packr } from "msgpackr"

export type CodecError = Tagged<"ShardCorrupt"> | Tagged<"VersionUnsupported">

const packr = new Packr({ useRecords: false, moreTypes: false })

export const packTuple = (tuple: readonly unknown[]): Uint8Array => packr.pack(tuple)

/** Reads a packed tuple whose first field is its version. @throws CodecError */
export const unpackTuple = (what: string, bytes: Uint8Array, version: number): Fields => {
  let tuple: unknown
  try {
    tuple = packr.unpack(bytes)
  } catch (cause) {
    throw skeinError("ShardCorrupt", `${what}: not MessagePack`, { bytes: bytes.length }, { cause })
  }
  const fields = new Fields(what, tuple)
  const found = fields.count("version")
  if (found !== version) {
    throw skeinError("VersionUnsupported", `${what}: version ${found} is not known`, {
      version: found,
      supported: version,
    })
  }
  return fields
}

/** The fields of a tuple, one after another. */
export class Fields {
  private readonly values: readonly unknown[]
  private at = 0

  constructor(
    private readonly what: string,
    tuple: unknown,
  ) {
    if (!Array.isArray(tuple)) throw this.corrupt("is no tuple")
    this.values = tuple
  }

  get left(): number {
    return this.values.length - this.at
  }

  /** A safe integer from 0 to `max`. */
  count(field: string, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.next()
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0 || value > max) {
      throw this.corrupt(`${field} is not an integer from 0 to ${max}`)
    }
    return value
  }

  text(field: string): string {
    const value = this.next()
    if (typeof value !== "string") throw this.corrupt(`${field} is no text`)
    return value
  }

  bytes(field: string): Uint8Array {
    const value = this.next()
    if (!(value instanceof Uint8Array)) throw this.corrupt(`${field} is not bytes`)
    return value
  }

  optionalBytes(field: string): Uint8Array | undefined {
    return this.skipNil() ? undefined : this.bytes(field)
  }

  /** Whether the next field is nil; it is passed over then. */
  skipNil(): boolean {
    if (this.values[this.at] !== null) return false
    this.at++
    return true
  }

  tuple(field: string): Fields {
    return new Fields(`${this.what}, ${field}`, this.next())
  }

  /** Pairs first, last: ascending and not overlapping. */
  ranges(field: string): number[] {
    const pairs = this.tuple(field)
    const ranges: number[] = []
    let before = 0
    while (pairs.left > 0) {
      const first = pairs.count("first")
      const last = pairs.count("last")
      if (first <= before || last < first) throw this.corrupt(`${field} do not ascend`)
      ranges.push(first, last)
      before = last
    }
    return ranges
  }

  /** Nothing may be left. */
  end(): void {
    if (this.left > 0) throw this.corrupt("has more fields than are known")
  }

  corrupt(problem: string): CodecError {
    return skeinError("ShardCorrupt", `${this.what}: ${problem}`)
  }

  private next(): unknown {
    if (this.at >= this.values.length) throw this.corrupt("has too few fields")
    return this.values[this.at++]
  }
}
