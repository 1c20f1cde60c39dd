/**
 * Owns: hello, welcome, goaway and error: the envelopes that are msgpack maps, because they are
 * rare and grow new fields. A field that is unknown is refused: who sends it expects an effect.
 */
import {
  decodeError,
  encodeError,
  limits,
  SkeinError,
  type SkeinErrorEncoded,
  skeinError,
  type Tagged,
} from "@skein/model"
import { encodeEnvelope, type Parts } from "./Envelope.js"
import { decodeControl, packValue } from "./Values.js"

export interface Hello {
  /** Protocol versions the client speaks. */
  readonly min: number
  readonly max: number
  readonly token?: string
  /** The fabric's peer secret: this is another node of the fabric, not a client. */
  readonly peer?: string
  /** For the operator's eyes: what program this is. */
  readonly client?: string
}

export interface Welcome {
  /** The version that both will speak. */
  readonly version: number
  readonly node: string
  readonly fabricId: string
  readonly instance: string
  /** The node's limits that a client must know, by their name in limits.ts. */
  readonly limits: Readonly<Record<string, number>>
}

export interface Goaway {
  readonly reason: string
}

/** The limits that a welcome announces. */
export const welcomeLimits: Readonly<Record<string, number>> = {
  envelopeBytesMax: limits.envelopeBytesMax,
  frameBytesMax: limits.frameBytesMax,
  frameMessagesMax: limits.frameMessagesMax,
  bodyBytesMax: limits.bodyBytesMax,
  requestsInFlightPerConnectionMax: limits.requestsInFlightPerConnectionMax,
  sessionsPerConnectionMax: limits.sessionsPerConnectionMax,
  fetchMessagesMax: limits.fetchMessagesMax,
  fetchBytesMax: limits.fetchBytesMax,
  fetchWaitMaxMs: limits.fetchWaitMaxMs,
  settleRangesMax: limits.settleRangesMax,
  settlesPerRequestMax: limits.settlesPerRequestMax,
  leasedPerSessionMax: limits.leasedPerSessionMax,
}

const nameBytesMax = 256

export const encodeHello = (hello: Hello): Parts => encodeEnvelope("hello", 0, packValue(hello))

export const decodeHello = (payload: Uint8Array): Hello | Tagged<"ProtocolError"> => {
  const map = decodeMap("hello", payload, ["min", "max", "token", "peer", "client"])
  if (map instanceof SkeinError) return map
  const { min, max, token, peer, client } = map
  if (!isCount(min) || !isCount(max) || min < 1 || max < min) {
    return malformed("hello", "min and max are versions, 1 <= min <= max")
  }
  if (!isShortText(token, 1024)) return malformed("hello", "token is a string of at most 1024")
  if (!isShortText(peer, 1024)) return malformed("hello", "peer is a string of at most 1024")
  if (!isShortText(client, nameBytesMax)) {
    return malformed("hello", `client is a string of at most ${nameBytesMax}`)
  }
  return {
    min,
    max,
    ...(token !== undefined && { token }),
    ...(peer !== undefined && { peer }),
    ...(client !== undefined && { client }),
  }
}

export const encodeWelcome = (welcome: Welcome): Parts =>
  encodeEnvelope("welcome", 0, packValue(welcome))

export const decodeWelcome = (payload: Uint8Array): Welcome | Tagged<"ProtocolError"> => {
  const map = decodeMap("welcome", payload, ["version", "node", "fabricId", "instance", "limits"])
  if (map instanceof SkeinError) return map
  const { version, node, fabricId, instance, limits: announced } = map
  if (!isCount(version)) return malformed("welcome", "version is a number")
  if (typeof node !== "string" || typeof fabricId !== "string" || typeof instance !== "string") {
    return malformed("welcome", "node, fabricId and instance are strings")
  }
  if (!isMap(announced) || !Object.values(announced).every((max) => typeof max === "number")) {
    return malformed("welcome", "limits is a map of numbers")
  }
  return { version, node, fabricId, instance, limits: announced as Record<string, number> }
}

export const encodeGoaway = (goaway: Goaway): Parts =>
  encodeEnvelope("goaway", 0, packValue(goaway))

export const decodeGoaway = (payload: Uint8Array): Goaway | Tagged<"ProtocolError"> => {
  const map = decodeMap("goaway", payload, ["reason"])
  if (map instanceof SkeinError) return map
  if (typeof map.reason !== "string") return malformed("goaway", "reason is a string")
  return { reason: map.reason }
}

/** With correlation 0 it concerns the connection, which is closed after it. */
export const encodeErrorEnvelope = (correlation: number, error: SkeinError): Parts =>
  encodeEnvelope("error", correlation, packValue(encodeError(error)))

/** The error that was sent; a malformed one reads as the ProtocolError that it is. */
export const decodeErrorEnvelope = (payload: Uint8Array): SkeinError => {
  const map = decodeMap("error", payload, ["tag", "detail", "data"])
  if (map instanceof SkeinError) return map
  const { tag, detail, data } = map
  if (typeof tag !== "string" || typeof detail !== "string" || !isMap(data)) {
    return malformed("error", "tag and detail are strings, data is a map")
  }
  for (const value of Object.values(data)) {
    if (typeof value !== "string" && typeof value !== "number") {
      return malformed("error", "data holds strings and numbers")
    }
  }
  return decodeError({ tag, detail, data: data as SkeinErrorEncoded["data"] })
}

/** Known fields only, each as it came: the caller checks their types. */
const decodeMap = <Field extends string>(
  kind: string,
  payload: Uint8Array,
  fields: readonly Field[],
): Partial<Record<Field, unknown>> | Tagged<"ProtocolError"> => {
  const decoded = decodeControl(payload)
  if (decoded instanceof SkeinError) return decoded
  const { value } = decoded
  if (!isMap(value)) return malformed(kind, "the payload is a map")
  for (const field of Object.keys(value)) {
    if (!(fields as readonly string[]).includes(field)) {
      return malformed(kind, `field ${JSON.stringify(field.slice(0, 64))} is unknown`)
    }
  }
  return value as Partial<Record<Field, unknown>>
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Uint8Array)

const isCount = (value: unknown): value is number => Number.isSafeInteger(value)

const isShortText = (value: unknown, lengthMax: number): value is string | undefined =>
  value === undefined || (typeof value === "string" && value.length <= lengthMax)

const malformed = (kind: string, detail: string): Tagged<"ProtocolError"> =>
  skeinError("ProtocolError", `${kind}: ${detail}`)
