/** Owns: what the exit code says. The README and `skein --help` show this table. */
import type { ErrorTag } from "@skein/model"

export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  cannotConnect: 3,
  notFound: 4,
  refused: 5,
  tryAgain: 6,
  inUse: 7,
  damaged: 8,
  unhealthy: 9,
  interrupted: 130,
  terminated: 143,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export const exitCodeTable: readonly (readonly [code: number, meaning: string])[] = [
  [exitCodes.ok, "done"],
  [exitCodes.failed, "the operation failed"],
  [exitCodes.usage, "the command line or the configuration is wrong, or --yes is missing"],
  [exitCodes.cannotConnect, "no node answers at the address"],
  [exitCodes.notFound, "there is no such queue, or no such node"],
  [exitCodes.refused, "not allowed: the token is wrong or missing"],
  [exitCodes.tryAgain, "try again later: full, busy, or no answer in time"],
  [exitCodes.inUse, "the directory, the port or the node's name is in use"],
  [exitCodes.damaged, "the stored data is damaged"],
  [exitCodes.unhealthy, "cluster check: the fabric is not healthy; what is wrong is named"],
  [exitCodes.interrupted, "interrupted by Ctrl-C; a node ended at once by a second one"],
  [exitCodes.terminated, "a node ended at once by a second SIGTERM"],
]

const byTag: Partial<Record<ErrorTag, ExitCode>> = {
  ConfigInvalid: exitCodes.usage,
  QueueNameInvalid: exitCodes.usage,
  PolicyInvalid: exitCodes.usage,
  BindRefused: exitCodes.usage,
  DirectoryForeign: exitCodes.usage,
  DirectoryUnusable: exitCodes.usage,
  ConnectionFailed: exitCodes.cannotConnect,
  QueueNotFound: exitCodes.notFound,
  NodeUnknown: exitCodes.notFound,
  Unauthorized: exitCodes.refused,
  DirectoryInUse: exitCodes.inUse,
  AddressInUse: exitCodes.inUse,
  NodeNameInUse: exitCodes.inUse,
  ShardCorrupt: exitCodes.damaged,
  BackupDamaged: exitCodes.damaged,
  BackupInvalid: exitCodes.usage,
  BackupEnded: exitCodes.tryAgain,
  FabricNotEmpty: exitCodes.usage,
  RestoreUnfinished: exitCodes.usage,
  Aborted: exitCodes.interrupted,
}

/** The exit code of an error of the fabric. */
export const exitCodeOf = (error: {
  readonly _tag: ErrorTag
  readonly retryable: boolean
}): ExitCode => byTag[error._tag] ?? (error.retryable ? exitCodes.tryAgain : exitCodes.failed)
