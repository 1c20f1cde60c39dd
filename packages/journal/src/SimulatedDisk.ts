/**
 * Owns: a disk in memory that is as mean as a real one may be, and reproducible from a seed.
 * What it promises is only what the Disk port promises: bytes are safe after `sync` of their file,
 * names after `syncDirectory` of their directory. At a `crash` everything else is thrown at dice:
 * each unsynced write is kept, lost or torn at any byte, in any order; each unsynced create, rename
 * and unlink happened or did not. A `kill` loses nothing: the process dies, the system lives.
 * Faults are injected by `fault`, which sees every operation before it happens.
 */
import { skeinError } from "@skein/model"
import { type Disk, DiskFailed, type DiskFile } from "./Disk.js"
import type { SeededRandom } from "./SeededRandom.js"
import { SimulatedDirectory, SimulatedFile } from "./SimulatedFiles.js"

export type DiskOperationKind =
  | "open"
  | "read"
  | "write"
  | "sync"
  | "truncate"
  | "rename"
  | "unlink"
  | "list"
  | "makeDirectory"
  | "removeDirectory"
  | "syncDirectory"

export interface DiskOperation {
  readonly number: number
  readonly kind: DiskOperationKind
  readonly path: string
  /** Of a write or read. */
  readonly position: number
  readonly bytes: number
}

/** An errno fails the operation; `short` writes so many bytes first; `crash` is a power cut. */
export type DiskFault =
  | { readonly errno: string }
  | { readonly short: number; readonly errno: string }
  | "crash"
  | undefined

export interface SimulatedDiskOptions {
  readonly random: SeededRandom
  /** Writes beyond fail with ENOSPC. Default: 1 GiB. */
  readonly capacityBytes?: number
  /** Keep the list of operations. Default: false, because it grows. */
  readonly record?: boolean
}

const nothing = { position: 0, bytes: 0 }

export class SimulatedDisk implements Disk {
  readonly #root = new SimulatedDirectory()
  readonly #random: SeededRandom
  readonly #capacityBytes: number
  readonly #record: boolean
  #generation = 0
  #count = 0
  /** What was done, in order, when recording. */
  readonly operations: DiskOperation[] = []
  /** Decides the fate of each operation. */
  fault: (operation: DiskOperation) => DiskFault = () => undefined

  constructor(options: SimulatedDiskOptions) {
    this.#random = options.random
    this.#capacityBytes = options.capacityBytes ?? 1024 * 1024 * 1024
    this.#record = options.record ?? false
  }

  /** How many operations there have been. */
  get operationCount(): number {
    return this.#count
  }

  /**
   * The disk as one process sees it: dead after the next crash or kill, so that what it had under
   * way does no more harm.
   */
  process(): Disk {
    const generation = this.#generation
    const check = () => {
      if (generation !== this.#generation) throw new DiskFailed("use", "disk", "EBADF")
    }
    const living =
      <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        check()
        return work(...args)
      }
    return {
      open: living(this.open),
      rename: living(this.rename),
      unlink: living(this.unlink),
      list: living(this.list),
      makeDirectory: living(this.makeDirectory),
      removeDirectory: living(this.removeDirectory),
      syncDirectory: living(this.syncDirectory),
      existsSync: (path) => {
        check()
        return this.existsSync(path)
      },
      freeBytes: living(this.freeBytes),
      links: living(this.links),
      unfit: living(this.unfit),
    }
  }

  /** The power goes: what was not synced is thrown at dice. All open files are dead. */
  crash(): void {
    this.#generation++
    this.#root.crash(this.#random)
  }

  /** The process goes: all open files are dead, nothing is lost. */
  kill(): void {
    this.#generation++
  }

  readonly open = async (path: string, how: "create" | "read" | "write"): Promise<DiskFile> => {
    this.#begin("open", path)
    const { directory, name } = this.#parent("open", path)
    let file = directory.get(name)
    if (how === "create") {
      if (file !== undefined) throw new DiskFailed("open", path, "EEXIST")
      file = new SimulatedFile()
      directory.put(name, file)
    }
    if (file === undefined) throw new DiskFailed("open", path, "ENOENT")
    if (file instanceof SimulatedDirectory) throw new DiskFailed("open", path, "EISDIR")
    return this.#handle(path, file)
  }

  readonly rename = async (from: string, to: string): Promise<void> => {
    this.#begin("rename", from)
    const source = this.#parent("rename", from)
    const target = this.#parent("rename", to)
    const moved = source.directory.get(source.name)
    if (moved === undefined) throw new DiskFailed("rename", from, "ENOENT")
    const replaced = target.directory.get(target.name)
    if (replaced instanceof SimulatedDirectory && replaced.names.length > 0) {
      throw new DiskFailed("rename", from, "ENOTEMPTY")
    }
    if (source.directory !== target.directory) throw new DiskFailed("rename", from, "EXDEV")
    source.directory.move(source.name, target.name)
  }

  readonly unlink = async (path: string): Promise<void> => {
    this.#begin("unlink", path)
    const { directory, name } = this.#parent("unlink", path)
    const file = directory.get(name)
    if (file === undefined) throw new DiskFailed("unlink", path, "ENOENT")
    if (file instanceof SimulatedDirectory) throw new DiskFailed("unlink", path, "EISDIR")
    directory.remove(name)
  }

  readonly list = async (path: string): Promise<readonly string[]> => {
    this.#begin("list", path)
    return this.#directory("list", path).names
  }

  /** Made directories are durable at once, as the port asks. */
  readonly makeDirectory = async (path: string): Promise<void> => {
    this.#begin("makeDirectory", path)
    let directory = this.#root
    for (const name of parts(path)) {
      let next = directory.get(name)
      if (next === undefined) {
        next = new SimulatedDirectory()
        directory.put(name, next)
        directory.sync()
      }
      if (next instanceof SimulatedFile) throw new DiskFailed("mkdir", path, "ENOTDIR")
      directory = next
    }
  }

  readonly removeDirectory = async (path: string): Promise<void> => {
    this.#begin("removeDirectory", path)
    if (this.#directory("rmdir", path).names.length > 0) {
      throw new DiskFailed("rmdir", path, "ENOTEMPTY")
    }
    const { directory, name } = this.#parent("rmdir", path)
    directory.remove(name)
  }

  readonly syncDirectory = async (path: string): Promise<void> => {
    this.#begin("syncDirectory", path)
    this.#directory("fsync", path).sync()
  }

  readonly existsSync = (path: string): boolean => {
    const names = parts(path)
    const last = names.pop()
    const directory = this.#walk(names)
    return last === undefined || directory?.get(last) !== undefined
  }

  readonly freeBytes = async (): Promise<number> =>
    Math.max(0, this.#capacityBytes - this.#root.bytes)

  /** It has none. */
  readonly links = async (): Promise<readonly string[]> => []

  readonly unfit = async (): Promise<string | undefined> => undefined

  /** The content of a file as a reader would see it now, for damaging and comparing. */
  contentOf(path: string): Uint8Array {
    const { directory, name } = this.#parent("read", path)
    const file = directory.get(name)
    if (!(file instanceof SimulatedFile)) throw new DiskFailed("read", path, "ENOENT")
    return Uint8Array.from(file.read(0, file.size))
  }

  /** Puts a durable content in a file's place: a bit flip, a cut, an old copy. */
  damage(path: string, content: Uint8Array): void {
    const { directory, name } = this.#parent("write", path)
    const file = new SimulatedFile()
    file.write(0, content)
    file.sync()
    directory.put(name, file)
    directory.sync()
  }

  /** An independent copy, as if everything had been synced. */
  copy(random: SeededRandom): SimulatedDisk {
    const other = new SimulatedDisk({ random, capacityBytes: this.#capacityBytes })
    this.#root.copyInto(other.#root)
    return other
  }

  /** Paths of all files. */
  files(path = ""): string[] {
    const found: string[] = []
    const directory = this.#directory("list", path)
    for (const name of directory.names) {
      const node = directory.get(name)
      if (node instanceof SimulatedDirectory) found.push(...this.files(`${path}/${name}`))
      else found.push(`${path}/${name}`)
    }
    return found.sort()
  }

  #handle(path: string, file: SimulatedFile): DiskFile {
    const generation = this.#generation
    const begin = (kind: DiskOperationKind, place = nothing): DiskFault => {
      if (generation !== this.#generation) throw new DiskFailed(kind, path, "EBADF")
      return this.#begin(kind, path, place)
    }
    return {
      path,
      read: async (position, length, into) => {
        begin("read", { position, bytes: length })
        const bytes = file.read(position, length)
        if (into === undefined) return Uint8Array.from(bytes)
        into.set(bytes)
        return into.subarray(0, bytes.length)
      },
      write: async (position, parts) => {
        const bytes = parts.reduce((sum, part) => sum + part.length, 0)
        const room = this.#capacityBytes - this.#root.bytes
        const fault = begin("write", { position, bytes })
        this.#write(path, file, position, Buffer.concat(parts), room, fault)
      },
      sync: async () => {
        begin("sync")
        file.sync()
      },
      size: async () => file.size,
      truncate: async (size) => {
        begin("truncate", { position: size, bytes: 0 })
        file.truncate(size)
      },
      close: async () => {},
    }
  }

  /** Bytes arrive in pieces, each of which a crash treats on its own. */
  #write(
    path: string,
    file: SimulatedFile,
    position: number,
    bytes: Uint8Array,
    room: number,
    fault: DiskFault,
  ): void {
    const short = typeof fault === "object" && "short" in fault ? fault.short : bytes.length
    const growth = Math.max(0, position + bytes.length - file.size)
    const fits = growth <= room ? bytes.length : Math.max(0, bytes.length - (growth - room))
    const end = Math.min(short, fits)
    for (let at = 0; at < end; ) {
      const piece = Math.min(end - at, 1 + this.#random.below(8192))
      file.write(position + at, bytes.subarray(at, at + piece))
      at += piece
    }
    if (fits < bytes.length) throw skeinError("DiskFull", `write ${path}: ENOSPC`)
    if (typeof fault === "object") throw failure("write", path, fault.errno)
  }

  #begin(kind: DiskOperationKind, path: string, place = nothing): DiskFault {
    const operation: DiskOperation = { number: ++this.#count, kind, path, ...place }
    if (this.#record) this.operations.push(operation)
    const fault = this.fault(operation)
    if (fault === undefined) return undefined
    if (fault === "crash") {
      this.crash()
      throw new DiskFailed(kind, path, "ECRASH")
    }
    if ("short" in fault) return fault
    throw failure(kind, path, fault.errno)
  }

  #walk(names: readonly string[]): SimulatedDirectory | undefined {
    let directory = this.#root
    for (const name of names) {
      const next = directory.get(name)
      if (!(next instanceof SimulatedDirectory)) return undefined
      directory = next
    }
    return directory
  }

  #directory(operation: string, path: string): SimulatedDirectory {
    const directory = this.#walk(parts(path))
    if (directory === undefined) throw new DiskFailed(operation, path, "ENOENT")
    return directory
  }

  #parent(operation: string, path: string) {
    const names = parts(path)
    const name = names.pop() ?? ""
    const directory = this.#walk(names)
    if (directory === undefined) throw new DiskFailed(operation, path, "ENOENT")
    return { directory, name }
  }
}

const parts = (path: string): string[] => path.split("/").filter((part) => part.length > 0)

const failure = (operation: string, path: string, errno: string): Error =>
  errno === "ENOSPC"
    ? skeinError("DiskFull", `${operation} ${path}: ENOSPC`)
    : new DiskFailed(operation, path, errno)
