/**
 * Owns: which file each id in a shard's locations stands for. Kept in the shard's checkpoints, so
 * that a location means the same to the next owner. Ids are not used again while they are known.
 */
import type { Epoch, InstanceId, Shard } from "@skein/model"
import { invariant } from "@skein/model"
import type { Paths } from "./Layout.js"
import { fileIdMax } from "./Location.js"
import type { LogSegment } from "./LogSegment.js"

/** A file that frames of a shard can lie in. */
export type FileRef =
  | {
      readonly kind: "log"
      readonly instance: InstanceId
      readonly number: number
      readonly bytes: number
    }
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
  /** Tells this file's frames apart in the process-wide cache. */
  readonly cacheId: number
  /** The file is a segment of this process's own log. */
  readonly segment?: LogSegment
  liveBytes: number
  liveFrames: number
  totalBytes: number
}

export const refKey = (ref: FileRef): string =>
  ref.kind === "log" ? `log ${ref.instance} ${ref.number}` : `segment ${ref.epoch} ${ref.number}`

export const refPath = (paths: Paths, shard: Shard, ref: FileRef): string =>
  ref.kind === "log"
    ? paths.logSegment(ref.instance, ref.number, ref.bytes)
    : paths.segment(shard, ref.epoch, ref.number)

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
    this.#put({ ...stored, cacheId: cacheIds++ % fileIdMax, liveFrames: 0 })
  }

  add(ref: FileRef, segment?: LogSegment): TableEntry {
    const known = this.#byKey.get(refKey(ref))
    if (known !== undefined) return known
    let id = this.#nextId
    while (id > fileIdMax || this.#byId.has(id)) id = id > fileIdMax ? 1 : id + 1
    invariant(id >= 1 && id <= fileIdMax, "a file id fits in a location")
    const counts = { liveBytes: 0, liveFrames: 0, totalBytes: 0 }
    const cacheId = cacheIds++ % fileIdMax
    return this.#put({ id, ref, cacheId, ...counts, ...(segment === undefined ? {} : { segment }) })
  }

  /** The entries as a checkpoint keeps them. */
  snapshot(): StoredFile[] {
    return this.entries.map(({ id, ref, liveBytes, totalBytes }) => ({
      id,
      ref,
      liveBytes,
      totalBytes,
    }))
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

  find(ref: FileRef): TableEntry | undefined {
    return this.#byKey.get(refKey(ref))
  }

  remove(entry: TableEntry): void {
    this.#byId.delete(entry.id)
    this.#byKey.delete(refKey(entry.ref))
  }
}
