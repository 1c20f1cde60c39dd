/**
 * Owns: every expected error of the fabric: its tag, stable code, whether a retry can help, and
 * what to do next. Promise rejections, exit codes and the error frames of the wire are mapped from
 * here.
 * Must not know: who throws them. Environment errors (disk, socket) are wrapped into these at the
 * driver; programmer errors are InvariantViolation and never come here.
 */
import { Schema } from "effect"

interface Entry {
  /** Stable for ever; programs may switch on it. */
  readonly code: string
  /** The same request can succeed later without anything being changed by the caller. */
  readonly retryable: boolean
  /** One sentence for the person who reads the error. */
  readonly next: string
}

const entry = (code: string, retryable: boolean, next: string): Entry => ({ code, retryable, next })

/** Tag -> code, retryable, next. Append only: codes are never reused. */
export const errorTable = {
  QueueNotFound: entry("SKEIN_QUEUE_NOT_FOUND", false, "Declare the queue first."),
  QueueNameInvalid: entry("SKEIN_QUEUE_NAME_INVALID", false, "Choose another name."),
  PolicyInvalid: entry("SKEIN_POLICY_INVALID", false, "Correct the setting that is named."),
  PolicyMismatch: entry(
    "SKEIN_POLICY_MISMATCH",
    false,
    "The queue exists with other settings: declare it with those, or delete it first.",
  ),
  QueueFull: entry("SKEIN_QUEUE_FULL", true, "Consume, purge, or raise the queue's limit."),
  Quarantined: entry(
    "SKEIN_QUARANTINED",
    false,
    "The queue was set aside after an internal fault; its records are kept. See node status.",
  ),
  FrameInvalid: entry("SKEIN_FRAME_INVALID", false, "Fix the publisher: the frame is malformed."),
  BodyTooLarge: entry(
    "SKEIN_BODY_TOO_LARGE",
    false,
    "Send less, or raise the queue's bodyBytesMax.",
  ),
  SequenceGap: entry("SKEIN_SEQUENCE_GAP", true, "Send again from the expected frame number."),
  ProducerUnknown: entry(
    "SKEIN_PRODUCER_UNKNOWN",
    false,
    "The queue no longer knows this producer: whether the frame was stored cannot be told.",
  ),
  ProducersMax: entry("SKEIN_PRODUCERS_MAX", true, "Use fewer clients on this queue."),
  DedupWindowFull: entry("SKEIN_DEDUP_WINDOW_FULL", true, "Wait, or shorten the dedup window."),
  LeaseLost: entry("SKEIN_LEASE_LOST", false, "The message was delivered again to somebody else."),
  SessionUnknown: entry("SKEIN_SESSION_UNKNOWN", true, "Open the session again."),
  Moved: entry("SKEIN_MOVED", true, "Ask the owner that is named."),
  ShardUnavailable: entry("SKEIN_SHARD_UNAVAILABLE", true, "Try again: the shard is being opened."),
  ShardCorrupt: entry("SKEIN_SHARD_CORRUPT", false, "Run `skein journal verify` on the directory."),
  DiskFull: entry("SKEIN_DISK_FULL", true, "Free space on the data disk; consuming goes on."),
  LimitExceeded: entry("SKEIN_LIMIT_EXCEEDED", true, "Stay below the limit that is named."),
  Overloaded: entry("SKEIN_OVERLOADED", true, "Send more slowly."),
  ProtocolError: entry("SKEIN_PROTOCOL_ERROR", false, "Fix the client: see PROTOCOL.md."),
  VersionUnsupported: entry("SKEIN_VERSION_UNSUPPORTED", false, "Use versions that overlap."),
  Unauthorized: entry("SKEIN_UNAUTHORIZED", false, "Check the token."),
  InternalError: entry("SKEIN_INTERNAL", false, "A fault of Skein: the node's log has the cause."),
  FabricClosed: entry("SKEIN_FABRIC_CLOSED", false, "Open the fabric again."),
  ConnectionFailed: entry("SKEIN_CONNECTION_FAILED", true, "Is a node running at the address?"),
  TimedOut: entry("SKEIN_TIMED_OUT", true, "The outcome is unknown; try again or wait longer."),
  Aborted: entry("SKEIN_ABORTED", false, "The caller's signal ended the call."),
  Unconfirmed: entry(
    "SKEIN_UNCONFIRMED",
    false,
    "Whether the message was stored cannot be told: publish again with a dedup id.",
  ),
  PayloadInvalid: entry(
    "SKEIN_PAYLOAD_INVALID",
    false,
    "The value does not fit the queue's schema.",
  ),
  BodyUndecodable: entry(
    "SKEIN_BODY_UNDECODABLE",
    false,
    "The body is not what this consumer expects: reject it, or fix the publisher.",
  ),
  DirectoryInUse: entry("SKEIN_DIRECTORY_IN_USE", false, "Stop the process that is named."),
  DirectoryForeign: entry(
    "SKEIN_DIRECTORY_FOREIGN",
    false,
    "A node starts on an empty directory or a fabric's; `skein journal` reads a fabric's.",
  ),
  DirectoryUnusable: entry("SKEIN_DIRECTORY_UNUSABLE", false, "Choose a writable local directory."),
  AddressInUse: entry("SKEIN_ADDRESS_IN_USE", false, "Choose another port."),
  BindRefused: entry("SKEIN_BIND_REFUSED", false, "Bind to loopback until TLS is configured."),
  ConfigInvalid: entry("SKEIN_CONFIG_INVALID", false, "Correct the setting that is named."),
  NodeNameInUse: entry(
    "SKEIN_NODE_NAME_IN_USE",
    false,
    "Stop the node of that name, or choose another name.",
  ),
  NodeUnknown: entry("SKEIN_NODE_UNKNOWN", false, "See `skein cluster status` for the nodes."),
  MoveRefused: entry("SKEIN_MOVE_REFUSED", false, "See the reason; the shard stays where it is."),
  ManagerUnavailable: entry(
    "SKEIN_MANAGER_UNAVAILABLE",
    true,
    "Try again: the fabric is choosing its manager.",
  ),
  TableInvalid: entry(
    "SKEIN_TABLE_INVALID",
    false,
    "The stored shard table cannot be used: is this directory of this fabric and version?",
  ),
  RestartRefused: entry(
    "SKEIN_RESTART_REFUSED",
    false,
    "Stop the node and start it again where it was started: nobody else would.",
  ),
  BackupEnded: entry("SKEIN_BACKUP_ENDED", false, "Begin the backup of this shard again."),
  BackupInvalid: entry(
    "SKEIN_BACKUP_INVALID",
    false,
    "Name a backup of this version; a new one begins in an empty directory.",
  ),
  BackupDamaged: entry("SKEIN_BACKUP_DAMAGED", false, "Use another backup, or make a new one."),
  FabricNotEmpty: entry(
    "SKEIN_FABRIC_NOT_EMPTY",
    false,
    "Restore into a directory that is empty or missing.",
  ),
  RestoreUnfinished: entry(
    "SKEIN_RESTORE_UNFINISHED",
    false,
    "Run the same `skein restore` again to its end, or empty the directory.",
  ),
} as const satisfies Record<string, Entry>

export type ErrorTag = keyof typeof errorTable

/**
 * An expected error of the fabric. `detail` says what happened to this request, in one line and
 * without secrets; `data` carries what a program needs to react (limits, expected numbers, owners).
 */
export class SkeinError extends Error {
  readonly _tag: ErrorTag
  readonly code: string
  readonly retryable: boolean
  readonly next: string
  readonly detail: string
  readonly data: Readonly<Record<string, string | number>>

  constructor(
    tag: ErrorTag,
    detail: string,
    data: Readonly<Record<string, string | number>> = {},
    options?: { readonly cause?: unknown },
  ) {
    super(`${errorTable[tag].code}: ${detail}`, options)
    this._tag = tag
    this.name = tag
    this.code = errorTable[tag].code
    this.retryable = errorTable[tag].retryable
    this.next = errorTable[tag].next
    this.detail = detail
    this.data = data
  }
}

/** A SkeinError whose tag is known to the compiler: `Tagged<"QueueFull">`, or a union of tags. */
export type Tagged<Tag extends ErrorTag> = SkeinError & { readonly _tag: Tag }

/** Makes an expected error. */
export const skeinError = <Tag extends ErrorTag>(
  tag: Tag,
  detail: string,
  data?: Readonly<Record<string, string | number>>,
  options?: { readonly cause?: unknown },
): Tagged<Tag> => new SkeinError(tag, detail, data, options) as Tagged<Tag>

export const isSkeinError = (value: unknown): value is SkeinError => value instanceof SkeinError

/** A thrown value at the edge of a call: a SkeinError stays, anything else is a fault of ours. */
export const asSkeinError = (cause: unknown): SkeinError => {
  if (isSkeinError(cause)) return cause
  const detail = cause instanceof Error ? cause.message : String(cause)
  return skeinError("InternalError", detail, {}, { cause })
}

/** How an error travels: a plain map, so that a client in any language can read it. */
export const SkeinErrorEncoded = Schema.Struct({
  tag: Schema.String,
  detail: Schema.String,
  data: Schema.Record({ key: Schema.String, value: Schema.Union(Schema.String, Schema.Number) }),
})
export type SkeinErrorEncoded = typeof SkeinErrorEncoded.Type

export const encodeError = (error: SkeinError): SkeinErrorEncoded => ({
  tag: error._tag,
  detail: error.detail,
  data: error.data,
})

const isErrorTag = (tag: string): tag is ErrorTag => Object.hasOwn(errorTable, tag)

/** A tag that this version does not know becomes InternalError that names it. */
export const decodeError = (encoded: SkeinErrorEncoded): SkeinError =>
  isErrorTag(encoded.tag)
    ? new SkeinError(encoded.tag, encoded.detail, encoded.data)
    : new SkeinError("InternalError", `${encoded.tag}: ${encoded.detail}`, encoded.data)
