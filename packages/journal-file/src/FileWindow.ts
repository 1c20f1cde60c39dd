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

  /** Up to `length` bytes at `position`: fewer only at the end of the file. */
  async read(position: number, length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.size - position)
    if (wanted <= 0) return Buffer.alloc(0)
    const inside = position >= this.#start && position + wanted <= this.#start + this.#bytes.length
    if (!inside) {
      const more = Math.min(Math.max(wanted, windowBytes), this.size - position)
      const read = await this.file.read(position, more)
      this.#bytes = Buffer.from(read.buffer, read.byteOffset, read.length)
      this.#start = position
    }
    const from = position - this.#start
    return this.#bytes.subarray(from, from + wanted)
  }
}
