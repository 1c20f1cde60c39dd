/**
 * Owns: an effect Schema as a payload codec, with errors that name the path. The one place of the
 * Promise API that touches effect, and only inside.
 */
import { Either, ParseResult, Schema } from "effect"
import type { PayloadCodec, SchemaLike } from "../QueueDefinition.js"

/** The version that this library was built with: a Schema must come from the same major. */
export const effectNeeded = "effect@3.22.4 is needed"

export const isEffectSchema = <A>(type: object): type is SchemaLike<A> => Schema.isSchema(type)

export const effectSchemaCodec = <A>(like: SchemaLike<A>): PayloadCodec<A> => {
  // isEffectSchema has looked: the shape is that of a real Schema without services.
  const schema = like as unknown as Schema.Schema<A>
  const encode = Schema.encodeUnknownEither(schema)
  const decode = Schema.decodeUnknownEither(schema)
  const orThrow = <B>(result: Either.Either<B, ParseResult.ParseError>): B => {
    if (Either.isRight(result)) return result.right
    throw new Error(readable(result.left))
  }
  return {
    encode: (value) => orThrow(encode(value)),
    decode: (data) => orThrow(decode(data)),
  }
}

const readable = (error: ParseResult.ParseError): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error)
    .map((issue) =>
      issue.path.length === 0
        ? issue.message
        : `at ${issue.path.map(String).join(".")}: ${issue.message}`,
    )
    .join("; ")
