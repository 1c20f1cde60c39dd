/**
 * Owns: the engine's messages as bytes: one msgpack value each, checked when it comes in, down to
 * what the engine itself does not check.
 * Must not know: how they travel.
 */
import { limits, SkeinError, skeinError, type Tagged } from "@skein/model"
import { decodeControl, packValue } from "@skein/wire"
import type { RpcMessage } from "../Platform.js"

export type ToServer = RpcMessage.FromClientEncoded
export type ToClient = RpcMessage.FromServerEncoded

/** A message that is too large to be sent answers LimitExceeded. */
export const encodeMessage = (
  message: ToClient | ToServer,
): Tagged<"LimitExceeded"> | Uint8Array => {
  const bytes = packValue(withoutUndefined(message))
  if (bytes.length <= limits.frameBytesMax) return bytes
  return skeinError("LimitExceeded", `the message has ${bytes.length} bytes`, {
    limit: "frameBytesMax",
    max: limits.frameBytesMax,
  })
}

/** What a peer asks. Streams and their acks are not spoken here. */
export const decodeToServer = (payload: Uint8Array): Tagged<"ProtocolError"> | ToServer => {
  const map = decodeMap(payload)
  if (map instanceof SkeinError) return map
  const { _tag, id, tag, payload: asked, headers, requestId } = map
  if (_tag === "Request" && isId(id) && typeof tag === "string" && isHeaders(headers)) {
    return { _tag, id, tag, payload: asked, headers }
  }
  if (_tag === "Interrupt" && isId(requestId)) return { _tag, requestId }
  return malformed("it is no request")
}

/** What a peer answers. */
export const decodeToClient = (payload: Uint8Array): Tagged<"ProtocolError"> | ToClient => {
  const map = decodeMap(payload)
  if (map instanceof SkeinError) return map
  const { _tag, requestId, exit, defect } = map
  if (_tag === "Exit" && isId(requestId) && isExit(exit)) return { _tag, requestId, exit }
  if (_tag === "Defect") return { _tag, defect }
  return malformed("it is no answer")
}

type Exit = Extract<ToClient, { readonly _tag: "Exit" }>["exit"]

const decodeMap = (payload: Uint8Array): Record<string, unknown> | Tagged<"ProtocolError"> => {
  const decoded = decodeControl(payload)
  if (decoded instanceof SkeinError) return decoded
  return isRecord(decoded.value) ? decoded.value : malformed("it is no map")
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The engine makes a bigint of it. */
const isId = (value: unknown): value is string =>
  typeof value === "string" && /^\d{1,20}$/.test(value)

const isHeaders = (value: unknown): value is [string, string][] =>
  Array.isArray(value) &&
  value.every(
    (pair) =>
      Array.isArray(pair) && pair.length === 2 && pair.every((text) => typeof text === "string"),
  )

const isExit = (value: unknown): value is Exit => {
  if (!isRecord(value)) return false
  if (value._tag === "Success") return true
  return value._tag === "Failure" && isCause(value.cause)
}

const isCause = (value: unknown): boolean => {
  if (!isRecord(value)) return false
  const { _tag, left, right } = value
  if (_tag === "Parallel" || _tag === "Sequential") return isCause(left) && isCause(right)
  return _tag === "Empty" || _tag === "Fail" || _tag === "Die" || _tag === "Interrupt"
}

/** msgpack would make nil of it, and the engine takes no null for a field that is absent. */
const withoutUndefined = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutUndefined)
  if (!isRecord(value) || value instanceof Uint8Array) return value
  const out: Record<string, unknown> = {}
  for (const [key, field] of Object.entries(value)) {
    if (field !== undefined) out[key] = withoutUndefined(field)
  }
  return out
}

const malformed = (detail: string): Tagged<"ProtocolError"> =>
  skeinError("ProtocolError", `engine: ${detail}`)
