/**
 * Owns: reading a file forward in large pieces: the next one is fetched while the one before is
 * looked through, into memory that is used again and again. (Fresh memory for each piece costs more
 * than the copy out of the page cache: page faults, and garbage collections for buffers.)
 * What it answers is valid until the next call. Callers take turns.
 */
import type { DiskFile } from "@skein/journal"

const pieceBytes = 1024 * 1024

/** Two pieces, each with room before it for the end of the piece before. */
export const aheadMemory = (): readonly [Buffer, Buffer] => [
  Buffer.allocUnsafeSlow(2 * pieceBytes),
  Buffer.allocUnsafeSlow(2 * pieceBytes),
]
export type AheadMemory = ReturnType<typeof aheadMemory>

interface Ahead {
  readonly position: number
  readonly read: Promise<Uint8Array>
}

export class AheadWindow {
  #start = 0
  #bytes: Buffer = Buffer.alloc(0)
  #ahead: Ahead | undefined
  /** The next piece goes into this half of the memory. */
  #next = 0

  constructor(
    readonly file: DiskFile,
    /** The file's size as far as it may be read. */
    readonly size: number,
    readonly memory: AheadMemory,
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

  /** Up to `length` bytes at `position`: fewer only at the end of the file. */
  async read(position: number, length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.size - position)
    if (wanted <= 0) return Buffer.alloc(0)
    const here = this.peek(position, wanted)
    if (here !== undefined) return here
    await this.#goOn(position)
    const now = this.peek(position, wanted)
    if (now !== undefined) return now
    await this.settle()
    const bytes = await this.#readAt(position, wanted)
    return bytes.subarray(0, Math.min(wanted, bytes.length))
  }

  /** The file may be closed, and the memory used for another. */
  async settle(): Promise<void> {
    const ahead = this.#ahead
    this.#ahead = undefined
    await ahead?.read.catch(() => {})
  }

  /** Goes on to the piece that was fetched ahead, if `position` is just before or in it. */
  async #goOn(position: number): Promise<void> {
    const ahead = this.#ahead
    const kept = ahead === undefined ? 0 : ahead.position - position
    const end = this.#start + this.#bytes.length
    const continues = ahead?.position === end && kept >= 0 && kept <= this.#bytes.length
    if (ahead === undefined || !continues || kept > pieceBytes) return this.settle()
    const tail = this.#bytes.subarray(this.#bytes.length - kept)
    const into = this.memory[this.#next]
    this.#ahead = undefined
    const read = await ahead.read
    if (read.buffer !== into.buffer) into.set(read, pieceBytes)
    tail.copy(into, pieceBytes - kept)
    this.#bytes = into.subarray(pieceBytes - kept, pieceBytes + read.length)
    this.#start = position
    this.#next = 1 - this.#next
    this.#readAhead()
  }

  async #readAt(position: number, wanted: number): Promise<Buffer> {
    const length = Math.min(Math.max(wanted, pieceBytes), this.size - position)
    const into = length > pieceBytes ? Buffer.allocUnsafeSlow(length) : this.#half()
    const read = await this.file.read(position, length, into)
    this.#bytes = Buffer.from(read.buffer, read.byteOffset, read.length)
    this.#start = position
    this.#next = 1 - this.#next
    this.#readAhead()
    return this.#bytes
  }

  #half(): Buffer {
    return this.memory[this.#next].subarray(pieceBytes)
  }

  #readAhead(): void {
    const position = this.#start + this.#bytes.length
    const length = Math.min(pieceBytes, this.size - position)
    if (length <= 0) return
    const read = this.file.read(position, length, this.#half())
    // Whoever comes to use it hears of a failure.
    read.catch(() => {})
    this.#ahead = { position, read }
  }
}
