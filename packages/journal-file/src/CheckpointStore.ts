/**
 * Owns: the stored state of one shard: checkpoint files that continue each other, each with the
 * chunks that changed. Over half dead, they are written anew as one. No file is ever overwritten;
 * what is superseded is deleted by `sweep`, when the caller has seen its token.
 * One who follows another's shard holds its files open: they are readable after they were deleted.
 */

import { crc32 } from "node:zlib"
import { type Chunk, type Disk, type DiskFile, isMissing, type ReplayedFrame } from "@skein/journal"
import type { Epoch, Shard } from "@skein/model"
import { skeinError } from "@skein/model"
import {
  type CheckpointHeader,
  chunkCrc,
  readCheckpointHeader,
  writeCheckpoint,
} from "./CheckpointFile.js"
import type { StoredFile } from "./FileTable.js"
import { FileWindow } from "./FileWindow.js"
import { type Paths, parseShardFile } from "./Layout.js"

/** A chunk in a file. */
interface ChunkPlace {
  readonly path: string
  readonly offset: number
  readonly bytes: number
  readonly crc: number
}

/** One stored checkpoint; `damaged`: its file exists and cannot be read. */
export interface StoredCheckpoint {
  readonly epoch: Epoch
  readonly number: number
  readonly path: string
  readonly header?: CheckpointHeader
  readonly chunksAt: number
}

export interface CheckpointToWrite {
  readonly recordNumber: number
  readonly crc: number
  readonly files: readonly StoredFile[]
  readonly placements: readonly ReplayedFrame[]
  readonly put: ReadonlyMap<string, Uint8Array>
  readonly drop: ReadonlySet<string>
}

const filesMax = 64

export class CheckpointStore {
  #places = new Map<string, ChunkPlace>()
  #chain: StoredCheckpoint[] = []
  #totalBytes = 0
  #liveBytes = 0
  #number = 0
  readonly #held = new Map<string, DiskFile>()
  /** The files may be gone from the directory: nothing may continue them. */
  #isAlone = false
  /** The one that it began with. */
  #opened: readonly [Epoch, number] | undefined

  constructor(
    readonly disk: Disk,
    readonly paths: Paths,
    readonly shard: Shard,
    /** Files in which a chunk was found to be damaged; what is found here is added. */
    readonly damaged: Set<string> = new Set(),
  ) {}

  /** All checkpoints in the shard's directory, newest first. */
  async list(): Promise<StoredCheckpoint[]> {
    const found: StoredCheckpoint[] = []
    for (const name of await this.disk.list(this.paths.shard(this.shard))) {
      const file = parseShardFile(name)
      if (file?.kind !== "checkpoint") continue
      try {
        found.push(await this.read(file.epoch, file.number))
      } catch (error) {
        // Superseded, and swept by the one who superseded it: the newer one is there too.
        if (!isMissing(error)) throw error
      }
    }
    return found.sort((a, b) => b.epoch - a.epoch || b.number - a.number)
  }

  /** Whether it can be gone on from: it and all that it continues are there, and not damaged. */
  isWhole(stored: StoredCheckpoint, all: readonly StoredCheckpoint[]): boolean {
    const { header } = stored
    if (header === undefined) return false
    const chain = header.continues.map(([epoch, number]) =>
      all.find((one) => one.epoch === epoch && one.number === number),
    )
    return [...chain, stored].every(
      (file) => file?.header !== undefined && !this.damaged.has(file.path),
    )
  }

  /** Goes on from `newest`: its files become the ones that the next checkpoint continues. */
  use(newest: StoredCheckpoint, all: readonly StoredCheckpoint[]): void {
    const header = this.#intact(newest)
    this.#opened = [newest.epoch, newest.number]
    for (const [epoch, number] of header.continues) {
      const file = all.find((one) => one.epoch === epoch && one.number === number)
      if (file === undefined) {
        const path = this.paths.checkpoint(this.shard, epoch, number)
        throw this.#corrupt(`${path} is missing, ${newest.path} continues it`, path)
      }
      this.#index(file, this.#intact(file))
    }
    this.#index(newest, header)
  }

  /** Opens the files, so that the chunks stay readable whatever their owner deletes. */
  async hold(): Promise<void> {
    for (const { path } of this.#chain) this.#held.set(path, await this.disk.open(path, "read"))
  }

  /** Lets go of them. */
  async release(): Promise<void> {
    const held = [...this.#held.values()]
    this.#held.clear()
    for (const file of held) await file.close()
  }

  /** Their owner may have deleted the files: the next checkpoint holds the whole state. */
  standAlone(): void {
    this.#isAlone = true
  }

  /** The chunks of the state, file by file. ShardCorrupt at the first that is damaged. */
  async *chunks(): AsyncGenerator<Chunk> {
    for (const { path } of this.#chain) {
      const keys = [...this.#places].filter(([, place]) => place.path === path)
      if (keys.length === 0) continue
      const held = this.#held.get(path)
      const file = held ?? (await this.disk.open(path, "read"))
      try {
        const window = new FileWindow(file, await file.size())
        for (const [key, place] of keys) {
          const bytes = Uint8Array.from(await window.read(place.offset, place.bytes))
          if (bytes.length !== place.bytes || crc32(bytes) !== place.crc) {
            this.damaged.add(path)
            throw this.#corrupt(`${path} at ${place.offset}: chunk ${key} is damaged`, path)
          }
          yield { key, bytes }
        }
      } finally {
        if (held === undefined) await file.close()
      }
    }
  }

  /** Writes a checkpoint; durable when this resolves. Nothing that it replaces is deleted yet. */
  async publish(epoch: Epoch, checkpoint: CheckpointToWrite): Promise<void> {
    const alone = this.#chain.length === 0 || this.#isAlone
    const whole = alone || this.#isMostlyDead(checkpoint)
    const chunks = new Map<string, Uint8Array>()
    if (whole) {
      // Half of little is little: the whole state fits in memory when its dead half does not.
      for await (const chunk of this.chunks()) {
        if (!checkpoint.drop.has(chunk.key)) chunks.set(chunk.key, chunk.bytes)
      }
    }
    for (const [key, bytes] of checkpoint.put) chunks.set(key, bytes)
    const number = ++this.#number
    const header: CheckpointHeader = {
      version: 1,
      shard: this.shard,
      epoch,
      number,
      recordNumber: checkpoint.recordNumber,
      crc: checkpoint.crc,
      continues: whole ? [] : this.#chain.map((file) => [file.epoch, file.number] as const),
      ...(this.#opened === undefined ? {} : { opened: this.#opened }),
      files: checkpoint.files,
      placements: checkpoint.placements,
      put: [...chunks].map(
        ([key, bytes]) => [key, bytes.length, chunkCrc({ key, bytes })] as const,
      ),
      drop: whole ? [] : [...checkpoint.drop],
    }
    const path = this.paths.checkpoint(this.shard, epoch, number)
    const bytes = await writeCheckpoint(this.disk, path, header, chunks.values())
    if (whole) {
      this.#forget()
      await this.release()
    }
    let chunksAt = bytes
    for (const chunk of chunks.values()) chunksAt -= chunk.length
    this.#index({ epoch, number, path, header, chunksAt }, header)
  }

  /** The names of the files that make up the newest checkpoint. */
  get fileNames(): ReadonlySet<string> {
    return new Set(this.#chain.map((file) => file.path.slice(file.path.lastIndexOf("/") + 1)))
  }

  /** One of the checkpoints in the directory. */
  async read(epoch: Epoch, number: number): Promise<StoredCheckpoint> {
    const path = this.paths.checkpoint(this.shard, epoch, number)
    const file = await this.disk.open(path, "read")
    try {
      const read = await readCheckpointHeader(file)
      const own = read?.header.shard === this.shard && read.header.epoch === epoch
      if (read === undefined || !own || read.header.number !== number) {
        return { epoch, number, path, chunksAt: 0 }
      }
      return { epoch, number, path, ...read }
    } finally {
      await file.close()
    }
  }

  #intact(stored: StoredCheckpoint): CheckpointHeader {
    if (stored.header !== undefined) return stored.header
    throw this.#corrupt(`${stored.path} is damaged`, stored.path)
  }

  #index(file: StoredCheckpoint, header: CheckpointHeader): void {
    let offset = file.chunksAt
    for (const key of header.drop) this.#unplace(key)
    for (const [key, bytes, crc] of header.put) {
      this.#unplace(key)
      this.#places.set(key, { path: file.path, offset, bytes, crc })
      this.#liveBytes += bytes
      this.#totalBytes += bytes
      offset += bytes
    }
    this.#chain.push(file)
    this.#number = Math.max(this.#number, file.number)
  }

  #unplace(key: string): void {
    const place = this.#places.get(key)
    if (place === undefined) return
    this.#liveBytes -= place.bytes
    this.#places.delete(key)
  }

  #isMostlyDead(next: CheckpointToWrite): boolean {
    let live = this.#liveBytes
    let total = this.#totalBytes
    for (const [key, bytes] of next.put) {
      live += bytes.length - (this.#places.get(key)?.bytes ?? 0)
      total += bytes.length
    }
    for (const key of next.drop) live -= this.#places.get(key)?.bytes ?? 0
    return live * 2 < total || this.#chain.length >= filesMax
  }

  #forget(): void {
    this.#places = new Map()
    this.#chain = []
    this.#totalBytes = 0
    this.#liveBytes = 0
    this.#isAlone = false
  }

  #corrupt(detail: string, file: string) {
    return skeinError("ShardCorrupt", detail, { shard: this.shard, file })
  }
}
