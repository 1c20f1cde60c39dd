/**
 * Owns: msgpack values at the edge. Nothing that arrives reaches msgpackr before `scanValue` passed
 * it.
 * No records, no classes, no shared structures, in either direction.
 */
import { skeinError, type Tagged } from "@skein/model"
import { type Options, Packr, Unpackr } from "msgpackr"
import { scanValue } from "./ScanValue.js"

export type ValueProblem = Tagged<"ProtocolError">

// Integers beyond 2^53 come as bigint, others as number; msgpackr's types lack the word for it.
const int64Auto: object = { int64AsType: "auto" }
const codec: Options = {
  useRecords: false,
  moreTypes: false,
  mapsAsObjects: true,
  variableMapSize: true,
  encodeUndefinedAsNil: true,
  ...int64Auto,
}
const packr = new Packr(codec)
const unpackr = new Unpackr(codec)

/** Packs a value. The result stays valid; it may share its buffer with neighbours. */
export const packValue = (value: unknown): Uint8Array => packr.pack(value)

/** Unpacks what {@link scanValue} has passed. */
export const unpackValue = (bytes: Uint8Array): unknown => unpackr.unpack(bytes)

/** Scans strictly and unpacks a control message. */
export const decodeControl = (bytes: Uint8Array): { readonly value: unknown } | ValueProblem => {
  const problem = scanValue(bytes, { strict: true })
  return problem === undefined
    ? { value: unpackValue(bytes) }
    : skeinError("ProtocolError", `msgpack: ${problem}`)
}
