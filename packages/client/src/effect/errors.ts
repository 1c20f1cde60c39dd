/** Owns: which errors each call of the Effect API can fail with, known to the compiler. */
import { type ErrorTag, isSkeinError, skeinError, type Tagged } from "@skein/model"
import { Effect } from "effect"

/** What any call can meet. */
export type CallError = Tagged<(typeof callTags)[number]>
export const callTags = [
  "TimedOut",
  "FabricClosed",
  "ConnectionFailed",
  "Overloaded",
  "ShardUnavailable",
  "ShardCorrupt",
  "Quarantined",
  "LimitExceeded",
  "ProtocolError",
  "ConfigInvalid",
  "InternalError",
] as const

export type ConnectError = CallError | Tagged<(typeof connectTags)[number]>
export const connectTags = ["Unauthorized", "VersionUnsupported"] as const

export type PublishError = CallError | Tagged<(typeof publishTags)[number]>
export const publishTags = [
  "PayloadInvalid",
  "BodyTooLarge",
  "QueueNotFound",
  "QueueFull",
  "DiskFull",
  "ProducersMax",
  "DedupWindowFull",
  "Unconfirmed",
] as const

export type ConsumeError = CallError | Tagged<(typeof consumeTags)[number]>
export const consumeTags = ["QueueNotFound"] as const

export type SettleError = CallError | Tagged<(typeof settleTags)[number]>
export const settleTags = ["LeaseLost", "QueueNotFound"] as const

export type DeclareError = CallError | Tagged<(typeof declareTags)[number]>
export const declareTags = [
  "QueueNameInvalid",
  "PolicyInvalid",
  "PolicyMismatch",
  "DiskFull",
] as const

/**
 * Runs a call of the Promise API; interruption aborts its signal. What it rejects with beyond `tags`
 * and {@link callTags} becomes InternalError that names it.
 */
export const call = <A, Tag extends ErrorTag>(
  tags: readonly Tag[],
  run: (signal: AbortSignal) => PromiseLike<A>,
): Effect.Effect<A, CallError | Tagged<Tag>> =>
  Effect.tryPromise({ try: run, catch: (error) => narrow(tags, error) })

export const narrow = <Tag extends ErrorTag>(
  tags: readonly Tag[],
  error: unknown,
): CallError | Tagged<Tag> => {
  if (isSkeinError(error)) {
    const known: readonly ErrorTag[] = callTags
    const own: readonly ErrorTag[] = tags
    if (known.includes(error._tag) || own.includes(error._tag)) {
      return error as CallError | Tagged<Tag>
    }
  }
  const detail = error instanceof Error ? error.message : String(error)
  return skeinError("InternalError", detail, {}, { cause: error })
}
