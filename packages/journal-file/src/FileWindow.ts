/**
 * Owns: reading a file forward in large pieces, whatever sizes the caller asks for.
 */
import type { DiskFile } from "@skein/journal"

const windowBytes = 1024 * 1024

export class FileWindow {
  #start = 0
  #bytes: Buffer = Buffer.alloc(0)

  constructor(
    readonly file: DiskFile,
    /** The file's size as far as it may be read. */
    readonly size: number,
  ) {}

  /** What was read may have been written meanwhile: read it again. */
  refresh(): void {
    this.#bytes = Buffer.alloc(0)
  }

  /** `length` bytes at `position`, if they are here already. */
  peek(position: number, length: number): Buffer | undefined {
    const from = position - this.#start
    const inside = from >= 0 && from + length <= this.#bytes.length
    return inside ? this.#bytes.subarray(from, from + length) : undefined
  }

  /** The file may be closed. */
  async settle(): Promise<void> {}

  /** Up to `length` bytes at `position`: fewer only at the end of the file. */
  async read(position: number, length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.size - position)
    if (wanted <= 0) return Buffer.alloc(0)
    const here = this.peek(position, wanted)
    if (here !== undefined) return here
    const more = Math.min(Math.max(wanted, windowBytes), this.size - position)
    const read = await this.file.read(position, more)
    this.#bytes = Buffer.from(read.buffer, read.byteOffset, read.length)
    this.#start = position
    return this.#bytes.subarray(0, wanted)
  }
}
