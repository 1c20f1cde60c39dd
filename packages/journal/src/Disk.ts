/**
 * Owns: the port to a local file system: the only way in which the journal touches files. The real
 * one calls node:fs, the simulated one forgets, tears and corrupts what was not synced.
 * Errors: SkeinError DiskFull for ENOSPC and EDQUOT, DirectoryForeign for a symbolic link in place
 * of a file; {@link DiskFailed} for everything else.
 */

/** An operation of the disk failed for good. EIO ends the process: an fsync is never repeated. */
export class DiskFailed extends Error {
  override readonly name = "DiskFailed"
  readonly _tag = "DiskFailed"
  constructor(
    readonly operation: string,
    readonly path: string,
    /** `EIO`, `EROFS`, `EACCES`, … */
    readonly errno: string,
    options?: { readonly cause?: unknown },
  ) {
    super(`${operation} ${path}: ${errno}`, options)
  }
}

export interface DiskFile {
  readonly path: string
  /** Reads up to `length` bytes at `position`; fewer only at the end of the file. Whoever reads
   * much passes memory of at least that length: then the answer may be a part of `into`. */
  readonly read: (position: number, length: number, into?: Uint8Array) => Promise<Uint8Array>
  /** Writes all of `parts` at `position`; a short write is continued by the driver. */
  readonly write: (position: number, parts: readonly Uint8Array[]) => Promise<void>
  /** Resolves when data and size are on stable storage. */
  readonly sync: () => Promise<void>
  readonly size: () => Promise<number>
  readonly truncate: (size: number) => Promise<void>
  readonly close: () => Promise<void>
}

export interface Disk {
  /** `create` fails when the file exists. `write` opens one that exists. */
  readonly open: (path: string, how: "create" | "read" | "write") => Promise<DiskFile>
  /** Within one directory; replaces a file or an empty directory. An open file follows its name. */
  readonly rename: (from: string, to: string) => Promise<void>
  readonly unlink: (path: string) => Promise<void>
  readonly list: (directory: string) => Promise<readonly string[]>
  /** Names in it that are symbolic links. A file is not opened through one: DirectoryForeign. */
  readonly links: (directory: string) => Promise<readonly string[]>
  /** Creates missing parents too; their entries are synced. */
  readonly makeDirectory: (directory: string) => Promise<void>
  readonly removeDirectory: (directory: string) => Promise<void>
  /** Makes creations, renames and unlinks in `directory` durable. */
  readonly syncDirectory: (directory: string) => Promise<void>
  /** Looks now, never cached, without an await: the token check between fdatasync and confirm.
   * Throws {@link DiskFailed} when it cannot be told. */
  readonly existsSync: (path: string) => boolean
  readonly freeBytes: (directory: string) => Promise<number>
  /** `undefined` when local; else why it is unfit (NFS, SMB …) */
  readonly unfit: (directory: string) => Promise<string | undefined>
}

/** Whether this failure means "no such file". */
export const isMissing = (error: unknown): boolean =>
  error instanceof DiskFailed && error.errno === "ENOENT"

/** Whether the process or the host lacks something for a moment: nothing is wrong on the disk. */
export const isScarcity = (error: unknown): boolean =>
  error instanceof DiskFailed && ["EAGAIN", "EMFILE", "ENFILE", "ENOMEM"].includes(error.errno)
