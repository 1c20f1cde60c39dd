/**
 * Owns: what a payload decoder answers. A ProtocolError means that the peer does not speak the
 * protocol, and closes the connection; any other error concerns the request alone.
 */
import { type SkeinError, skeinError, type Tagged } from "@skein/model"
import type { Kind } from "./Envelope.js"

export type Decoded<Value extends object> = SkeinError | Value

export const malformed = (kind: Kind): Tagged<"ProtocolError"> =>
  skeinError("ProtocolError", `the payload of ${kind} is malformed`)

export const outOfBounds = (limit: string, value: number, max: number): Tagged<"LimitExceeded"> =>
  skeinError("LimitExceeded", `${limit}: ${value} is not within 1 and ${max}`, { limit, max })
