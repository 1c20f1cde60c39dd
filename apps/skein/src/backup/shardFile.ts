/**
 * Owns: the form of one shard in a backup, `s017.shard`: sixteen bytes that say what it is, then
 * items, each `u32 bytes, u32 crc, u8 kind, payload`, little-endian; the crc is of the last two.
 *
 * ```
 *   1 head    JSON: ShardHead
 *   2 chunk   u16 bytes of the key, key, chunk: a piece of the shard's state
 *   3 frame   f64 generation, f64 first sequence, frame: after all chunks, ascending in a queue
 *   4 end     JSON: { chunks, frames }; the file ends behind it
 * ```
 * Must not know: what chunks and frames mean, which shards there are.
 */
import { createHash } from "node:crypto"
import { crc32 } from "node:zlib"
import { type Disk, DiskFailed, type DiskFile } from "@skein/journal"
import { limits, type SkeinError, skeinError } from "@skein/model"

export interface ShardHead {
  readonly fabricId: string
  readonly shard: number
  readonly epoch: number
  readonly recordNumber: number
  readonly journalMs: number
  readonly frames: number
  readonly frameBytes: number
  readonly aside: readonly number[]
}

export interface ChunkItem {
  readonly key: string
  readonly bytes: Uint8Array
}

export interface FrameItem {
  readonly generation: number
  readonly first: number
  readonly bytes: Uint8Array
}

export interface WrittenShard {
  readonly bytes: number
  readonly sha256: string
  readonly chunks: number
  readonly frames: number
}

const magic = Buffer.from("skein shard v1 \n")
const itemHeadBytes = 9
const kinds = { head: 1, chunk: 2, frame: 3, end: 4 } as const
type Kind = (typeof kinds)[keyof typeof kinds]
/** Gathered before a write. */
const writeBytes = 1024 * 1024
/** A frame or a chunk travels in one envelope. */
const itemBytesMax = limits.envelopeBytesMax

export class ShardFileWriter {
  private readonly hash = createHash("sha256")
  private parts: Uint8Array[] = []
  private pending = 0
  private written = 0
  private chunks = 0
  private frames = 0

  private constructor(private readonly file: DiskFile) {}

  static async create(disk: Disk, path: string, head: ShardHead): Promise<ShardFileWriter> {
    const writer = new ShardFileWriter(await disk.open(path, "create"))
    writer.add(magic)
    writer.item(kinds.head, [Buffer.from(JSON.stringify(head))])
    return writer
  }

  async chunk({ key, bytes }: ChunkItem): Promise<void> {
    const name = Buffer.from(key)
    const head = Buffer.alloc(2)
    head.writeUInt16LE(name.length)
    this.item(kinds.chunk, [head, name, bytes])
    this.chunks += 1
    await this.flush(writeBytes)
  }

  async frame({ generation, first, bytes }: FrameItem): Promise<void> {
    const head = Buffer.alloc(16)
    head.writeDoubleLE(generation, 0)
    head.writeDoubleLE(first, 8)
    this.item(kinds.frame, [head, bytes])
    this.frames += 1
    await this.flush(writeBytes)
  }

  /** Durable when it resolves. */
  async finish(): Promise<WrittenShard> {
    const { chunks, frames } = this
    this.item(kinds.end, [Buffer.from(JSON.stringify({ chunks, frames }))])
    await this.flush(0)
    await this.file.sync()
    await this.file.close()
    return { bytes: this.written, sha256: this.hash.digest("hex"), chunks, frames }
  }

  /** Lets go of a file that is not finished. */
  async abandon(): Promise<void> {
    await this.file.close()
  }

  private item(kind: Kind, payload: readonly Uint8Array[]): void {
    const head = Buffer.alloc(itemHeadBytes)
    let bytes = 0
    for (const part of payload) bytes += part.length
    head.writeUInt32LE(bytes, 0)
    head.writeUInt8(kind, 8)
    let crc = crc32(head.subarray(8))
    for (const part of payload) crc = crc32(part, crc)
    head.writeUInt32LE(crc, 4)
    this.add(head)
    for (const part of payload) this.add(part)
  }

  private add(bytes: Uint8Array): void {
    this.hash.update(bytes)
    this.parts.push(bytes)
    this.pending += bytes.length
  }

  private async flush(above: number): Promise<void> {
    if (this.pending <= above) return
    const { parts, pending } = this
    this.parts = []
    this.pending = 0
    await this.file.write(this.written, parts)
    this.written += pending
  }
}

export type ShardItem =
  | { readonly kind: "chunk"; readonly chunk: ChunkItem }
  | { readonly kind: "end"; readonly written: WrittenShard }
  | { readonly kind: "frame"; readonly frame: FrameItem }
  | { readonly kind: "head"; readonly head: ShardHead }

/**
 * The items of a file in order, each with its crc checked; `end` comes last and once, and nothing
 * is behind it. BackupDamaged names file and offset of what is wrong.
 */
export async function* readShardFile(disk: Disk, path: string): AsyncGenerator<ShardItem> {
  const reader = await ShardFileReader.open(disk, path)
  try {
    yield* reader.items()
  } finally {
    await reader.close()
  }
}

class ShardFileReader {
  private readonly hash = createHash("sha256")
  private window: Uint8Array = new Uint8Array(0)
  private windowAt = 0
  private at = 0
  private chunks = 0
  private frames = 0

  private constructor(
    private readonly file: DiskFile,
    private readonly size: number,
  ) {}

  static async open(disk: Disk, path: string): Promise<ShardFileReader> {
    const file = await disk.open(path, "read")
    return new ShardFileReader(file, await file.size())
  }

  close(): Promise<void> {
    return this.file.close()
  }

  async *items(): AsyncGenerator<ShardItem> {
    if (!magic.equals(await this.take(magic.length))) throw this.damaged("is no shard of a backup")
    for (let isFirst = true; ; isFirst = false) {
      const { kind, payload } = await this.item()
      if (isFirst !== (kind === kinds.head)) throw this.damaged("has items out of order")
      if (kind === kinds.end) {
        yield this.end(payload)
        return
      }
      yield this.read(kind, payload)
    }
  }

  private read(kind: number, payload: Uint8Array): ShardItem {
    const view = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
    if (kind === kinds.head) return { kind: "head", head: this.json(view) as ShardHead }
    if (kind === kinds.chunk && this.frames === 0 && view.length >= 2) {
      const start = 2 + view.readUInt16LE(0)
      this.chunks += 1
      const chunk = { key: view.toString("utf8", 2, start), bytes: view.subarray(start) }
      return { kind: "chunk", chunk }
    }
    if (kind === kinds.frame && view.length >= 16) {
      this.frames += 1
      const [generation, first] = [view.readDoubleLE(0), view.readDoubleLE(8)]
      return { kind: "frame", frame: { generation, first, bytes: view.subarray(16) } }
    }
    throw this.damaged(`has an item of kind ${kind} out of order`)
  }

  private end(payload: Uint8Array): ShardItem {
    const { chunks, frames } = this
    const told = this.json(Buffer.from(payload)) as { chunks?: unknown; frames?: unknown }
    if (told.chunks !== chunks || told.frames !== frames) throw this.damaged("has lost items")
    if (this.at !== this.size) throw this.damaged("goes on behind its end")
    const sha256 = this.hash.digest("hex")
    return { kind: "end", written: { bytes: this.size, sha256, chunks, frames } }
  }

  private json(bytes: Buffer): unknown {
    try {
      return JSON.parse(bytes.toString())
    } catch {
      throw this.damaged("has an item that cannot be read")
    }
  }

  private async item(): Promise<{ readonly kind: number; readonly payload: Uint8Array }> {
    const head = Buffer.from(await this.take(itemHeadBytes))
    const bytes = head.readUInt32LE(0)
    if (bytes > itemBytesMax) throw this.damaged("has an item of no possible size")
    const payload = await this.take(bytes)
    if (crc32(payload, crc32(head.subarray(8))) !== head.readUInt32LE(4)) {
      throw this.damaged("has an item with a wrong checksum")
    }
    return { kind: head.readUInt8(8), payload }
  }

  private async take(bytes: number): Promise<Uint8Array> {
    if (this.at + bytes > this.size) throw this.damaged("is cut off")
    const from = this.at - this.windowAt
    if (from + bytes > this.window.length) {
      this.window = await this.file.read(this.at, Math.max(bytes, writeBytes))
      this.windowAt = this.at
      if (this.window.length < bytes) throw this.damaged("is cut off")
    }
    const start = this.at - this.windowAt
    const taken = this.window.subarray(start, start + bytes)
    this.at += bytes
    this.hash.update(taken)
    return taken
  }

  private damaged(what: string): SkeinError {
    const { path } = this.file
    return skeinError("BackupDamaged", `${path} ${what}, at byte ${this.at}`, { file: path })
  }
}

/** The error of a backup's directory as an operator may see it. */
export const backupDiskError = (cause: unknown): unknown => {
  if (!(cause instanceof DiskFailed)) return cause
  const detail = `${cause.operation} ${cause.path}: ${cause.errno}`
  return skeinError("DirectoryUnusable", detail, { errno: cause.errno }, { cause })
}
