/** Owns: a message's body and headers as text: for a line of a pipe, and as JSON. */
import { isSkeinError } from "@skein/model"

/** A text as it is, other values as JSON. */
export const bodyLine = (body: unknown): string =>
  typeof body === "string" ? body : JSON.stringify(jsonSafe(body))

/** Bytes become `{ "base64": … }` unless they are UTF-8 text; numbers JSON cannot hold, texts. */
export const jsonSafe = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return textOf(value) ?? base64Of(value)
  if (typeof value === "bigint") return value.toString()
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, each]) => [String(key), jsonSafe(each)]))
  }
  if (Array.isArray(value)) return value.map(jsonSafe)
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, jsonSafe(each)]))
  }
  return value ?? null
}

const base64Of = (bytes: Uint8Array) => ({ base64: Buffer.from(bytes).toString("base64") })

const decoder = new TextDecoder("utf-8", { fatal: true })

const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** What `read` gives, or the bytes in base64 when they do not decode: shown, never fatal. */
export const readable = (bytes: Uint8Array, read: () => unknown): unknown => {
  try {
    return jsonSafe(read())
  } catch (cause) {
    if (!isSkeinError(cause)) throw cause
    return { undecodable: Buffer.from(bytes).toString("base64") }
  }
}
