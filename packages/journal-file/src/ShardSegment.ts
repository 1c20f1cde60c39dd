/**
 * Owns: appending copied frames to files of one shard: whole frames with their headers, back to
 * back. A file is named in the shard's table from its first byte on; it counts from the moment a
 * checkpoint names it. A new owner never appends to a former owner's file.
 */
import type { Disk, DiskFile, Location } from "@skein/journal"
import type { FileRef, TableEntry } from "./FileTable.js"
import { refPath } from "./FileTable.js"
import { locationOf, offsetOf } from "./Location.js"
import type { OpenShard } from "./OpenShard.js"
import { frameHeaderBytes } from "./RecordCodec.js"
import type { SegmentReader } from "./SegmentReader.js"

const flushBytes = 1024 * 1024

interface Writing {
  readonly file: DiskFile
  readonly entry: TableEntry
  /** Bytes written. */
  position: number
}

export class ShardSegment {
  #writing: Writing | undefined
  #unsynced: Writing[] = []
  #parts: Uint8Array[] = []
  #waiting = 0
  #number = 0
  /** A file was created since the last sync. */
  #isNew = false

  constructor(
    readonly disk: Disk,
    readonly shard: OpenShard,
    /** A new file is begun beyond. */
    readonly bytesMax: number,
  ) {}

  /** The file that is being appended to: not to be rewritten now. */
  get current(): TableEntry | undefined {
    return this.#writing?.entry
  }

  /** Takes a whole frame; its place is right once `sync` has resolved. */
  async append(frame: Uint8Array): Promise<{ readonly entry: TableEntry; readonly to: Location }> {
    let writing = this.#writing
    const end = (writing?.position ?? 0) + this.#waiting + frame.length
    if (writing === undefined || (end > this.bytesMax && end > frame.length)) {
      writing = await this.#begin()
    }
    const to = locationOf(writing.entry.id, writing.position + this.#waiting)
    this.#parts.push(frame)
    this.#waiting += frame.length
    writing.entry.totalBytes += frame.length - frameHeaderBytes
    if (this.#waiting >= flushBytes) await this.#flush()
    return { entry: writing.entry, to }
  }

  /**
   * Everything that was appended is on stable storage, the files' names too: a checkpoint's name
   * could otherwise survive a power cut that the names in it did not.
   */
  async sync(): Promise<void> {
    await this.#flush()
    for (const writing of this.#unsynced) {
      await writing.file.sync()
      if (writing !== this.#writing) await writing.file.close()
    }
    this.#unsynced = []
    if (!this.#isNew) return
    await this.disk.syncDirectory(this.shard.paths.shard(this.shard.shard))
    this.#isNew = false
  }

  /** Nothing more goes into the current file: it may be rewritten like the others. */
  async retire(): Promise<void> {
    await this.sync()
    const writing = this.#writing
    this.#writing = undefined
    await writing?.file.close()
  }

  /** On a full disk: what was not written is given up, the rest is brought to stable storage. */
  async salvage(): Promise<void> {
    const writing = this.#writing
    if (writing !== undefined) {
      for (const part of this.#parts) writing.entry.totalBytes -= part.length - frameHeaderBytes
    }
    this.#parts = []
    this.#waiting = 0
    await this.sync()
  }

  /** Whether a frame that was appended has been written. */
  isWritten(entry: TableEntry, to: Location): boolean {
    const writing = this.#writing
    return entry !== writing?.entry || offsetOf(to) < writing.position
  }

  /** A failed disk: what was waiting goes nowhere, and the file is left as it is. */
  async abandon(): Promise<void> {
    const open = new Set([
      ...this.#unsynced,
      ...(this.#writing === undefined ? [] : [this.#writing]),
    ])
    this.#parts = []
    this.#waiting = 0
    this.#unsynced = []
    this.#writing = undefined
    for (const { file, entry, position } of open) {
      await file.close()
      if (position > 0) continue
      this.shard.table.remove(entry)
      await this.disk.unlink(file.path).catch(() => {})
    }
  }

  /**
   * Puts bytes of another file into a file of their own, each at its old offset, on stable storage.
   * Nothing is read in it from its beginning on: what is between them is zero.
   */
  async keepAside(
    from: SegmentReader,
    parts: readonly { readonly offset: number; readonly bytes: number }[],
  ): Promise<{ readonly ref: FileRef; readonly path: string }> {
    const { shard, epoch, paths } = this.shard
    const ref = { kind: "segment", epoch, number: ++this.#number } as const
    const path = refPath(paths, shard, ref)
    const file = await this.disk.open(path, "create")
    try {
      for (const { offset, bytes } of parts) {
        for (let at = 0; at < bytes; at += flushBytes) {
          const chunk = await from.bytes(offset + at, Math.min(flushBytes, bytes - at))
          if (chunk.length > 0) await file.write(offset + at, [chunk])
        }
      }
      await file.sync()
    } finally {
      await file.close()
    }
    await this.disk.syncDirectory(paths.shard(shard))
    return { ref, path }
  }

  async #begin(): Promise<Writing> {
    await this.#flush()
    const before = this.#writing
    if (before !== undefined && !this.#unsynced.includes(before)) await before.file.close()
    const { table, shard, epoch, paths } = this.shard
    const ref = { kind: "segment", epoch, number: ++this.#number } as const
    const file = await this.disk.open(refPath(paths, shard, ref), "create")
    this.#isNew = true
    const writing = { file, entry: table.add(ref, true), position: 0 }
    this.#writing = writing
    return writing
  }

  async #flush(): Promise<void> {
    const writing = this.#writing
    if (writing === undefined || this.#waiting === 0) return
    await writing.file.write(writing.position, this.#parts)
    writing.position += this.#waiting
    this.#parts = []
    this.#waiting = 0
    if (!this.#unsynced.includes(writing)) this.#unsynced.push(writing)
  }
}
