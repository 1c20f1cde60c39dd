/** Owns: which errors each call of the Effect API can fail with, known to the compiler. */
import { type ErrorTag, isSkeinError, skeinError, type Tagged } from "@skein/model"
import { Effect } from "effect"

/** One error type per tag, so that `catchTag` can tell them apart. */
type Each<Tag extends ErrorTag> = Tag extends ErrorTag ? Tagged<Tag> : never

/** What any call can meet. */
export type CallError = Each<(typeof callTags)[number]>
const callTags = [
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

export type ConnectError = CallError | Each<(typeof connectTags)[number]>
export const connectTags = ["Unauthorized", "VersionUnsupported"] as const

export type PublishError = CallError | Each<(typeof publishTags)[number]>
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

export type ConsumeError = CallError | Each<(typeof consumeTags)[number]>
export const consumeTags = ["QueueNotFound"] as const

export type SettleError = CallError | Each<(typeof settleTags)[number]>
export const settleTags = ["LeaseLost", "QueueNotFound"] as const

export type DeclareError = CallError | Each<(typeof declareTags)[number]>
export const declareTags = [
  "QueueNameInvalid",
  "PolicyInvalid",
  "PolicyMismatch",
  "DiskFull",
] as const

export type ClusterError = CallError | Each<(typeof clusterTags)[number]>
export const clusterTags = [
  "NodeUnknown",
  "MoveRefused",
  "RestartRefused",
  "ManagerUnavailable",
  "TableInvalid",
  "BackupEnded",
] as const

/**
 * Runs a call of the Promise API; interruption aborts its signal. What it rejects with beyond
 * `tags` and {@link callTags} becomes InternalError that names it.
 */
export const call = <A, Tag extends ErrorTag>(
  tags: readonly Tag[],
  run: (signal: AbortSignal) => PromiseLike<A>,
): Effect.Effect<A, CallError | Each<Tag>> =>
  Effect.tryPromise({ try: run, catch: (error) => narrow(tags, error) })

export const narrow = <Tag extends ErrorTag>(
  tags: readonly Tag[],
  error: unknown,
): CallError | Each<Tag> => {
  if (isSkeinError(error)) {
    const known: readonly ErrorTag[] = callTags
    const own: readonly ErrorTag[] = tags
    if (known.includes(error._tag) || own.includes(error._tag)) {
      return error as CallError | Each<Tag>
    }
  }
  const detail = error instanceof Error ? error.message : String(error)
  return skeinError("InternalError", detail, {}, { cause: error })
}
