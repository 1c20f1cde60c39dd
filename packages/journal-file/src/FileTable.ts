/**
 * Owns: which file each id in a shard's locations stands for. Kept in the shard's checkpoints, so
 * that a location means the same to the next owner. Ids are not used again while they are known.
 */
import type { Epoch, InstanceId, Shard } from "@skein/model"
import { invariant } from "@skein/model"
import type { Paths } from "./Layout.js"
import { fileIdMax } from "./Location.js"

/** A segment of an instance's log. */
export interface LogRef {
  readonly kind: "log"
  readonly instance: InstanceId
  readonly number: number
  readonly bytes: number
}

/** A file that frames of a shard can lie in. */
export type FileRef =
  | (LogRef & {
      /**
       * The epoch under which this id was written to; 0: by somebody before. A shard that is opened
       * again in one process gets a second id for the same segment, and counts apart.
       */
      readonly epoch: Epoch
    })
  | { readonly kind: "segment"; readonly epoch: Epoch; readonly number: number }

/** An entry as checkpoints keep it. The counts are hints: a crash may lie between them. */
export interface StoredFile {
  readonly id: number
  readonly ref: FileRef
  /** Bytes of frames that are wanted there. */
  readonly liveBytes: number
  /** Bytes of frames that were written there. */
  readonly totalBytes: number
}

export interface TableEntry extends StoredFile {
  ref: FileRef
  /** Tells this file's frames apart in the process-wide cache. */
  readonly cacheId: number
  /** The counts are exact, because every frame of this id was committed under this handle. */
  readonly exact: boolean
  liveBytes: number
  liveFrames: number
  totalBytes: number
}

/** A frame lies in the file and is wanted. */
export const noteFrame = (entry: TableEntry, bytes: number): void => {
  entry.liveBytes += bytes
  entry.liveFrames++
  entry.totalBytes += bytes
}

/** Names the file: several ids may stand for one segment of a log. */
export const fileKey = (ref: FileRef | LogRef): string =>
  ref.kind === "log" ? `log ${ref.instance} ${ref.number}` : `segment ${ref.epoch} ${ref.number}`

const refKey = (ref: FileRef): string =>
  ref.kind === "log" ? `${fileKey(ref)} ${ref.epoch}` : fileKey(ref)

export const refPath = (paths: Paths, shard: Shard, ref: FileRef | LogRef): string =>
  ref.kind === "log"
    ? paths.logSegment(ref.instance, ref.number, ref.bytes)
    : paths.segment(shard, ref.epoch, ref.number)

export const storedFile = ({ id, ref, liveBytes, totalBytes }: TableEntry): StoredFile => ({
  id,
  ref,
  liveBytes,
  totalBytes,
})

let cacheIds = 0

export class FileTable {
  readonly #byId = new Map<number, TableEntry>()
  readonly #byKey = new Map<string, TableEntry>()
  #nextId = 1

  get entries(): readonly TableEntry[] {
    return [...this.#byId.values()]
  }

  /** Puts back what a checkpoint says. */
  restore(stored: StoredFile): void {
    this.#put({ ...stored, cacheId: cacheIds++ % fileIdMax, exact: false, liveFrames: 0 })
  }

  /** The entry of `ref`, made when it is new; then `exact` says who will count. */
  add(ref: FileRef, exact: boolean): TableEntry {
    const known = this.#byKey.get(refKey(ref))
    if (known !== undefined) return known
    let id = this.#nextId
    while (id > fileIdMax || this.#byId.has(id)) id = id > fileIdMax ? 1 : id + 1
    invariant(id >= 1 && id <= fileIdMax, "a file id fits in a location")
    const counts = { liveBytes: 0, liveFrames: 0, totalBytes: 0 }
    const cacheId = cacheIds++ % fileIdMax
    return this.#put({ id, ref, cacheId, exact, ...counts })
  }

  /** The entries as a checkpoint keeps them. */
  snapshot(): StoredFile[] {
    return this.entries.map(storedFile)
  }

  #put(entry: TableEntry): TableEntry {
    this.#byId.set(entry.id, entry)
    this.#byKey.set(refKey(entry.ref), entry)
    this.#nextId = Math.max(this.#nextId, entry.id + 1)
    return entry
  }

  byId(id: number): TableEntry | undefined {
    return this.#byId.get(id)
  }

  /** All ids of a file. */
  findFile(ref: FileRef | LogRef): readonly TableEntry[] {
    const key = fileKey(ref)
    const found: TableEntry[] = []
    for (const entry of this.#byId.values()) if (fileKey(entry.ref) === key) found.push(entry)
    return found
  }

  /** What of the file is wanted lies in another one, at the same offsets. */
  rename(entry: TableEntry, ref: FileRef): void {
    this.#byKey.delete(refKey(entry.ref))
    entry.ref = ref
    this.#byKey.set(refKey(ref), entry)
  }

  remove(entry: TableEntry): void {
    this.#byId.delete(entry.id)
    this.#byKey.delete(refKey(entry.ref))
  }
}
