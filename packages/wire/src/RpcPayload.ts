/**
 * Owns: how @effect/rpc's messages look in rpc envelopes: a request is the msgpack map
 * `{ call, payload }`, its answer is the result as one msgpack value, or an error envelope. Ids,
 * exits and causes of the engine stay inside each end, so that other languages never meet them.
 */
import {
  encodeError,
  type SkeinError,
  type SkeinErrorEncoded,
  skeinError,
  type Tagged,
} from "@skein/model"
import { decodeControl, packValue } from "./Values.js"

export interface RpcCall {
  readonly call: string
  readonly payload: unknown
}

export const encodeRpcCall = (call: RpcCall): Uint8Array => packValue(call)

export const decodeRpcCall = (bytes: Uint8Array): RpcCall | Tagged<"ProtocolError"> => {
  const decoded = decodeControl(bytes)
  if (decoded instanceof Error) return decoded
  const { value } = decoded
  if (typeof value === "object" && value !== null && "call" in value && "payload" in value) {
    const { call, payload } = value
    if (typeof call === "string" && Object.keys(value).length === 2) return { call, payload }
  }
  return skeinError("ProtocolError", "rpc: the payload is a map of call and payload")
}

/** An exit in the form that both ends of @effect/rpc encode and decode. */
export type EncodedExit =
  | { readonly _tag: "Success"; readonly value: unknown }
  | {
      readonly _tag: "Failure"
      readonly cause: { readonly _tag: "Fail"; readonly error: SkeinErrorEncoded }
    }

export const exitOfError = (error: SkeinError): EncodedExit => ({
  _tag: "Failure",
  cause: { _tag: "Fail", error: encodeError(error) },
})
