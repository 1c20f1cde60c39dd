/**
 * Owns: what the library must know of a queue's payload: its name and how values become bodies. Its
 * types name no Effect, so that the Promise API does not either: a Schema is recognised by shape.
 */
import { queueNameProblem, type SkeinError, skeinError } from "@skein/model"
import { packBody, packBytes, rawBytes, unpackBody } from "./codec/BodyCodec.js"
import { effectNeeded, effectSchemaCodec, isEffectSchema } from "./codec/effectSchemaCodec.js"
import { checkPlain } from "./codec/plainData.js"

/**
 * Turns values into plain data (maps, arrays, strings, numbers, bytes) and back; throws if wrong.
 */
export interface PayloadCodec<A> {
  readonly encode: (value: A) => unknown
  readonly decode: (data: unknown) => A
}

/** The shape of an effect `Schema.Schema<A, I>` without services, as far as types need it. */
export interface SchemaLike<A> {
  readonly Type: A
  readonly Encoded: unknown
  readonly Context: never
  readonly ast: unknown
}

/** A synchronous Standard Schema (https://standardschema.dev): validates both ways. */
export interface StandardSchemaLike<A> {
  readonly "~standard": {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => unknown
    readonly types?: { readonly input: unknown; readonly output: A } | undefined
  }
}

export type PayloadType<A> = PayloadCodec<A> | SchemaLike<A> | StandardSchemaLike<A>

/** A queue's name with the type of its messages. Nothing is created by making one. */
export interface QueueDefinition<A> {
  readonly name: string
  /** Throws PayloadInvalid with the path of what does not fit. */
  readonly encode: (value: A) => Uint8Array
  /** Throws BodyUndecodable with the path of what does not fit. */
  readonly decode: (body: Uint8Array) => A
}

export const Queue = {
  /**
   * A queue of typed messages: `Queue.define("orders", Order)`, where `Order` is an effect Schema,
   * a Standard Schema, or `{ encode, decode }`. Throws QueueNameInvalid.
   */
  define: <A>(name: string, type: PayloadType<A>): QueueDefinition<A> => {
    const codec = codecOf(type)
    return {
      name: checkedName(name),
      encode: (value) => encodeWith(name, codec, value),
      decode: (body) => decodeWith(name, codec, body),
    }
  },

  /** A queue of raw bytes, the fastest kind. Throws QueueNameInvalid. */
  bytes: (name: string): QueueDefinition<Uint8Array> => ({
    name: checkedName(name),
    encode: encodeBytes,
    decode: decodeBytes,
  }),

  /**
   * A queue of any plain data (JSON's types and bytes) of no particular shape; functions and
   * `undefined` are refused. Throws QueueNameInvalid.
   */
  any: (name: string): QueueDefinition<unknown> => Queue.define(name, plain),
}

const plain: PayloadCodec<unknown> = {
  encode: (value) => {
    checkPlain(value)
    return value
  },
  decode: (data) => data,
}

const checkedName = (name: string): string => {
  const problem = queueNameProblem(name)
  if (problem !== undefined) throw skeinError("QueueNameInvalid", problem)
  return name
}

const encodeBytes = (value: Uint8Array): Uint8Array => {
  if (!(value instanceof Uint8Array)) {
    throw skeinError("PayloadInvalid", "this queue takes Uint8Array values only")
  }
  return packBytes(value)
}

const decodeBytes = (body: Uint8Array): Uint8Array => {
  const bytes = rawBytes(body)
  if (bytes === undefined) throw skeinError("BodyUndecodable", "the body is not raw bytes")
  return bytes
}

const encodeWith = <A>(name: string, codec: PayloadCodec<A>, value: A): Uint8Array => {
  try {
    return packBody(codec.encode(value))
  } catch (cause) {
    throw skeinError("PayloadInvalid", `queue ${name}: ${messageOf(cause)}`, {}, { cause })
  }
}

const decodeWith = <A>(name: string, codec: PayloadCodec<A>, body: Uint8Array): A => {
  try {
    return codec.decode(unpackBody(body))
  } catch (cause) {
    throw skeinError("BodyUndecodable", `queue ${name}: ${messageOf(cause)}`, {}, { cause })
  }
}

const messageOf = (cause: unknown): string => {
  // What a stack that ran over says would not help whoever made the value.
  if (cause instanceof RangeError && cause.message.includes("call stack")) {
    return "the value contains itself or is nested too deeply"
  }
  return cause instanceof Error ? cause.message : String(cause)
}

const codecOf = <A>(type: PayloadType<A>): PayloadCodec<A> => {
  if (!isObject(type)) throw noType(type)
  if (isEffectSchema<A>(type)) return effectSchemaCodec(type)
  if ("~standard" in type) return standardCodec(type)
  if ("encode" in type) return type
  throw noType(type)
}

const noType = (type: unknown): SkeinError =>
  skeinError("ConfigInvalid", `a queue's type is a Schema or { encode, decode }${foreign(type)}`)

/** A Schema of another major version has the shape of one, and none of our marks. */
const foreign = (type: unknown): string =>
  isObject(type) && "ast" in type
    ? `; this looks like a Schema of another version of effect: ${effectNeeded}`
    : ""

/** Schemas may be classes. */
const isObject = (type: unknown): type is object =>
  typeof type === "function" || (typeof type === "object" && type !== null)

interface StandardIssue {
  readonly message: string
  readonly path?: readonly unknown[] | undefined
}

const standardCodec = <A>(schema: StandardSchemaLike<A>): PayloadCodec<A> => {
  const validate = (value: unknown): A => {
    const result = schema["~standard"].validate(value)
    if (result instanceof Promise) throw new Error("asynchronous schemas are not supported")
    const { issues, value: output } = result as { issues?: readonly StandardIssue[]; value: A }
    if (issues === undefined) return output
    throw new Error(issues.map(issueText).join("; "))
  }
  return { encode: (value) => validate(value), decode: validate }
}

const issueText = (issue: StandardIssue): string => {
  const path = (issue.path ?? []).map((step) =>
    String(typeof step === "object" && step !== null && "key" in step ? step.key : step),
  )
  return path.length === 0 ? issue.message : `at ${path.join(".")}: ${issue.message}`
}
