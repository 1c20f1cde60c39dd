/** Owns: what travels beside a body: key, headers and dedup id as bytes, within their limits. */
import { limits, skeinError } from "@skein/model"
import { packBody } from "../codec/BodyCodec.js"
import { dedupHash } from "../codec/dedupHash.js"
import { checkPlain } from "../codec/plainData.js"

/** Columns that travel beside the body. */
export interface MessageOptions {
  /** A repeat within the queue's dedup window counts as stored and stores nothing. */
  readonly dedupId?: string
  /** At most 1,024 bytes of UTF-8. */
  readonly key?: string
  /** Plain data, less than 64 KiB packed. */
  readonly headers?: Readonly<Record<string, unknown>>
}

export interface Columns {
  key?: Uint8Array
  headers?: Uint8Array
  dedup?: Uint8Array
}

/** Throws LimitExceeded, or PayloadInvalid when one of them is not what its type says. */
export const columnsOf = (options: MessageOptions): Columns => {
  const columns: Columns = {}
  if (options.key !== undefined) {
    const key = Buffer.from(text("key", options.key), "utf8")
    columns.key = atMost("key", key, limits.keyBytesMax)
  }
  if (options.headers !== undefined) {
    // The column's lengths are u16.
    const bytesMax = Math.min(limits.headersBytesMax, 0xffff)
    columns.headers = atMost("headers", packHeaders(options.headers), bytesMax)
  }
  if (options.dedupId !== undefined) {
    const dedupId = text("dedupId", options.dedupId)
    // It would make one message of all that have none.
    if (dedupId === "") throw skeinError("PayloadInvalid", "dedupId is an empty text")
    columns.dedup = dedupHash(dedupId)
  }
  return columns
}

/** Programs without types reach this, too. */
const text = (what: string, value: unknown): string => {
  if (typeof value === "string") return value
  throw skeinError("PayloadInvalid", `${what} is a text, not ${typeof value}`)
}

const packHeaders = (headers: Readonly<Record<string, unknown>>): Uint8Array => {
  try {
    checkPlain(headers)
    return packBody(headers)
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause)
    throw skeinError("PayloadInvalid", `headers: ${detail}`, {}, { cause })
  }
}

const atMost = (what: string, bytes: Uint8Array, bytesMax: number): Uint8Array => {
  if (bytes.length <= bytesMax) return bytes
  throw skeinError("LimitExceeded", `the ${what} has ${bytes.length} bytes, at most ${bytesMax}`, {
    limit: `${what}BytesMax`,
    bytes: bytes.length,
    bytesMax,
  })
}
