/**
 * Owns: finding the batches of one log segment, whatever has become of the file: where they end,
 * what is torn, and what is damaged.
 * The rule (reliability.md 1.3): bytes that are no batch, with nothing valid behind them, are the
 * end of the log. With a valid batch behind them they are damage, because that batch was written
 * only after everything before it was durable.
 */
import type { Disk, DiskFile } from "@skein/journal"
import { type AheadMemory, AheadWindow } from "./AheadWindow.js"
import {
  announcedHeaderBytes,
  type BatchHead,
  batchHeaderBytes,
  batchMagicBytes,
  readBatchHeader,
} from "./BatchCodec.js"
import { FileWindow } from "./FileWindow.js"
import { batchAlignBytes } from "./Layout.js"

export interface FoundBatch {
  readonly offset: number
  readonly head: BatchHead
  /** Offset of the first payload. */
  readonly payloads: number
}

export class SegmentReader {
  private constructor(
    readonly file: DiskFile,
    readonly salt: number,
    /** The size that the file has, which damage may have made smaller than `capacity`. */
    readonly size: number,
    readonly capacity: number,
    readonly window: FileWindow | AheadWindow,
  ) {}

  /** With `memory` it reads ahead, and what it answers is valid until the next call only. */
  static async open(
    disk: Disk,
    path: string,
    salt: number,
    capacity: number,
    memory?: AheadMemory,
  ): Promise<SegmentReader> {
    const file = await disk.open(path, "read")
    const size = await file.size()
    const window =
      memory === undefined ? new FileWindow(file, size) : new AheadWindow(file, size, memory)
    return new SegmentReader(file, salt, size, capacity, window)
  }

  /** The batch that begins at `offset`, or `undefined`. */
  async batchAt(offset: number): Promise<FoundBatch | undefined> {
    const room = this.capacity - offset
    const first = await this.window.read(offset, batchHeaderBytes)
    const headerBytes = announcedHeaderBytes(first, offset, room)
    if (headerBytes === 0) return undefined
    const header = await this.window.read(offset, headerBytes)
    if (header.length < headerBytes) return undefined
    const head = readBatchHeader(header, this.salt)
    return head === undefined ? undefined : { offset, head, payloads: offset + headerBytes }
  }

  /** The first valid batch at or behind `offset`. */
  async findBatch(offset: number): Promise<FoundBatch | undefined> {
    let at = offset
    while (at + batchHeaderBytes <= this.size) {
      const window = await this.window.read(at, 1024 * 1024)
      // All of them first: the window is valid until the next read only.
      for (const hit of hitsIn(window, at)) {
        const found = await this.batchAt(hit)
        if (found !== undefined) return found
      }
      at += Math.max(batchAlignBytes, window.length - (window.length % batchAlignBytes))
    }
    return undefined
  }

  bytes(offset: number, length: number): Promise<Buffer> {
    return this.window.read(offset, length)
  }

  /** The same at once, if it was read already. */
  peek(offset: number, length: number): Buffer | undefined {
    return this.window.peek(offset, length)
  }

  /** Looks at the file anew: its process may be writing. */
  refresh(): void {
    this.window.refresh()
  }

  /** Keeps nothing of what it has read. */
  async letGo(): Promise<void> {
    await this.window.settle()
    this.window.refresh()
  }

  async close(): Promise<void> {
    await this.window.settle()
    await this.file.close()
  }
}

/** Where a batch may begin in the window, which lies at `start`. */
const hitsIn = (window: Buffer, start: number): readonly number[] => {
  const hits: number[] = []
  for (let at = window.indexOf(batchMagicBytes); at !== -1; ) {
    if ((start + at) % batchAlignBytes === 0) hits.push(start + at)
    at = window.indexOf(batchMagicBytes, at + 1)
  }
  return hits
}
