/**
 * Owns: the Disk port over node:fs. Callbacks, wrapped once: fs.promises costs a handle object and
 * several turns per call. Short writes are continued and errors are mapped here, nowhere else.
 * Must not know: what the files mean.
 */
import * as fs from "node:fs"
import { dirname } from "node:path"
import type { Disk, DiskFile } from "@skein/journal"
import { DiskFailed } from "@skein/journal"
import { skeinError } from "@skein/model"
import { unfitFileSystem } from "./FileSystemType.js"

/** A file that leads out of its directory is not followed. */
const { O_NOFOLLOW } = fs.constants

const flags = {
  create: fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_RDWR,
  read: fs.constants.O_RDONLY | O_NOFOLLOW,
  write: fs.constants.O_RDWR | O_NOFOLLOW,
} as const

/**
 * ENOSPC and EDQUOT are DiskFull (room can be made), a link is DirectoryForeign (only that file is
 * refused); everything else is {@link DiskFailed}.
 */
const failure = (operation: string, path: string, cause: NodeJS.ErrnoException): Error => {
  const errno = cause.code ?? "UNKNOWN"
  if (errno === "ENOSPC" || errno === "EDQUOT") {
    return skeinError("DiskFull", `${operation} ${path}: ${errno}`, {}, { cause })
  }
  if (errno === "ELOOP" && operation === "open") {
    return skeinError("DirectoryForeign", `${path} is a symbolic link`, {}, { cause })
  }
  return new DiskFailed(operation, path, errno, { cause })
}

type Callback<A> = (error: NodeJS.ErrnoException | null, value: A) => void

const call = <A>(operation: string, path: string, run: (done: Callback<A>) => void): Promise<A> =>
  new Promise((resolve, reject) => {
    run((error, value) => {
      if (error === null || error === undefined) resolve(value)
      else reject(failure(operation, path, error))
    })
  })

const callVoid = (
  operation: string,
  path: string,
  run: (done: (error: NodeJS.ErrnoException | null) => void) => void,
): Promise<void> => call<void>(operation, path, (done) => run((error) => done(error, undefined)))

class FileOnDisk implements DiskFile {
  constructor(
    readonly path: string,
    readonly fd: number,
    readonly writev: typeof fs.writev,
  ) {}

  readonly read: DiskFile["read"] = async (position, length, into) => {
    const buffer = into ?? Buffer.allocUnsafeSlow(length)
    let got = 0
    while (got < length) {
      const count = await call<number>("read", this.path, (done) =>
        fs.read(this.fd, buffer, got, length - got, position + got, done),
      )
      if (count === 0) break
      got += count
    }
    return got === buffer.length ? buffer : buffer.subarray(0, got)
  }

  readonly write = async (position: number, parts: readonly Uint8Array[]): Promise<void> => {
    let left: Uint8Array[] = parts.filter((part) => part.length > 0)
    let at = position
    while (left.length > 0) {
      const written = await call<number>("write", this.path, (done) =>
        this.writev(this.fd, left, at, done),
      )
      if (written === 0) throw new DiskFailed("write", this.path, "EIO")
      at += written
      left = rest(left, written)
    }
  }

  readonly sync = (): Promise<void> =>
    callVoid("fdatasync", this.path, (done) => fs.fdatasync(this.fd, done))

  readonly size = async (): Promise<number> =>
    (await call<fs.Stats>("fstat", this.path, (done) => fs.fstat(this.fd, done))).size

  readonly truncate = (size: number): Promise<void> =>
    callVoid("ftruncate", this.path, (done) => fs.ftruncate(this.fd, size, done))

  readonly close = (): Promise<void> =>
    callVoid("close", this.path, (done) => fs.close(this.fd, done))
}

/** What is left of `parts` after `written` bytes. */
const rest = (parts: Uint8Array[], written: number): Uint8Array[] => {
  let skip = written
  let at = 0
  while (at < parts.length && skip >= parts[at].length) skip -= parts[at++].length
  if (at === parts.length) return []
  const left = parts.slice(at)
  left[0] = left[0].subarray(skip)
  return left
}

const syncDirectory = async (directory: string): Promise<void> => {
  const fd = await call<number>("open", directory, (done) => fs.open(directory, "r", done))
  try {
    await callVoid("fsync", directory, (done) => fs.fsync(fd, done))
  } finally {
    await callVoid("close", directory, (done) => fs.close(fd, done))
  }
}

/** `again`: its parent was made; where that still shows nothing, nothing can be made (/proc). */
const makeDirectory = async (directory: string, again = false): Promise<void> => {
  try {
    await callVoid("mkdir", directory, (done) => fs.mkdir(directory, (error) => done(error)))
  } catch (error) {
    if (!(error instanceof DiskFailed)) throw error
    if (error.errno === "EEXIST") {
      // A file of that name is no directory: say so.
      await call("readdir", directory, (done: Callback<string[]>) => fs.readdir(directory, done))
      return
    }
    if (error.errno !== "ENOENT" || dirname(directory) === directory || again) throw error
    await makeDirectory(dirname(directory))
    return makeDirectory(directory, true)
  }
  await syncDirectory(dirname(directory))
}

const existsSync = (path: string): boolean => {
  try {
    return fs.statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    throw failure("stat", path, error as NodeJS.ErrnoException)
  }
}

const free = (stats: fs.StatsFs): number => stats.bavail * stats.bsize

/** The local file system. `writev` is there for tests of short writes. */
export const fileDisk = (writev: typeof fs.writev = fs.writev): Disk => ({
  open: async (path, how) => {
    const fd = await call<number>("open", path, (done) => fs.open(path, flags[how], 0o640, done))
    return new FileOnDisk(path, fd, writev)
  },
  rename: (from, to) => callVoid("rename", from, (done) => fs.rename(from, to, done)),
  unlink: (path) => callVoid("unlink", path, (done) => fs.unlink(path, done)),
  list: (directory) => call("readdir", directory, (done) => fs.readdir(directory, done)),
  links: async (directory) => {
    const found = await call<fs.Dirent[]>("readdir", directory, (done) =>
      fs.readdir(directory, { withFileTypes: true }, done),
    )
    return found.filter((entry) => entry.isSymbolicLink()).map(({ name }) => name)
  },
  makeDirectory: (directory) => makeDirectory(directory),
  removeDirectory: (path) => callVoid("rmdir", path, (done) => fs.rmdir(path, done)),
  syncDirectory,
  existsSync,
  freeBytes: async (directory) =>
    free(await call<fs.StatsFs>("statfs", directory, (done) => fs.statfs(directory, done))),
  unfit: async (directory) =>
    unfitFileSystem(
      (await call<fs.StatsFs>("statfs", directory, (done) => fs.statfs(directory, done))).type,
    ),
})
