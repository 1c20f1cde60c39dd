/**
 * Owns: log segments that wait to be written: the next one of the log is made in the background,
 * zero-filled and synced (2.4 x the rate of a growing file) or by giving a cleaned file a new name,
 * so that no commit waits for it.
 * Interleavings: a file gets its final name only when its size is durable, and the name is durable
 * before the log rolls on to it, so a segment that a roll names and that is missing was lost. What
 * a recycled file held is told apart by the salt.
 */
import type { Disk, DiskFile } from "@skein/journal"
import type { InstanceId } from "@skein/model"
import { skeinError } from "@skein/model"
import { type Paths, unfinished } from "./Layout.js"
import { LogSegment } from "./LogSegment.js"

const zeroBytes = 1024 * 1024
const zeros = new Uint8Array(zeroBytes)

export class SegmentSupply {
  #next: Promise<LogSegment> | undefined
  #ready: LogSegment | undefined
  /** Cleaned files that wait for a new life, under names that no recovery looks at. */
  readonly #spares: string[] = []
  #spareNumber = 0

  constructor(
    readonly disk: Disk,
    readonly paths: Paths,
    readonly instance: InstanceId,
    readonly segmentBytes: number,
    /** More than so many cleaned files are deleted. */
    readonly sparesMax: number,
    /** Free bytes that no new segment may take: the cleaner needs them to make room. */
    readonly freeBytesKept: number,
  ) {}

  /** Bytes that commits can use without asking the file system for room. */
  get preparedBytes(): number {
    return (this.#ready?.capacity ?? 0) + this.#spares.length * this.segmentBytes
  }

  /** Begins to make segment `number`, unless that is done already. Failures show in `take`. */
  prepare(number: number, bytes = this.segmentBytes): void {
    if (this.#next !== undefined) return
    const next = this.#make(number, bytes)
    this.#next = next
    next.then(
      (segment) => {
        if (this.#next === next) this.#ready = segment
      },
      () => {
        if (this.#next === next) this.#next = undefined
      },
    )
  }

  /** Segment `number` with at least `bytes` of room. */
  async take(number: number, bytes: number): Promise<LogSegment> {
    this.prepare(number, Math.max(bytes, this.segmentBytes))
    const segment = await (this.#next as Promise<LogSegment>)
    this.#next = undefined
    this.#ready = undefined
    if (segment.capacity >= bytes) return segment
    await segment.file.close()
    await this.#remove(segment.path)
    return this.#make(number, bytes)
  }

  /** The log could not roll on to a segment that it had taken: it is the next one still. */
  putBack(segment: LogSegment): void {
    this.#next = Promise.resolve(segment)
    this.#ready = segment
  }

  /** The cleaner needs a file of the log no longer: keep it for the next segment, or delete it. */
  async giveBack(segment: LogSegment): Promise<void> {
    await segment.file.close()
    if (this.#spares.length >= this.sparesMax || segment.capacity !== this.segmentBytes) {
      return this.#remove(segment.path)
    }
    const path = `${this.paths.log(this.instance)}/spare.${this.#spareNumber++}${unfinished}`
    await this.disk.rename(segment.path, path)
    await this.disk.syncDirectory(this.paths.log(this.instance))
    this.#spares.push(path)
  }

  /** Gives a spare file's room back to the file system: the cleaner needs it more. */
  async dropSpare(): Promise<void> {
    const path = this.#spares.pop()
    if (path !== undefined) await this.#remove(path)
  }

  async close(): Promise<void> {
    const next = this.#next
    this.#next = undefined
    const segment = await next?.catch(() => undefined)
    await segment?.file.close()
    while (this.#spares.length > 0) await this.dropSpare()
  }

  async #make(number: number, bytes: number): Promise<LogSegment> {
    const path = this.paths.logSegment(this.instance, number, bytes)
    let made = bytes === this.segmentBytes ? this.#spares.pop() : undefined
    if (made === undefined) {
      await this.#checkRoom(number, bytes)
      made = `${path}${unfinished}`
      await this.#fill(made, bytes)
    }
    await this.disk.rename(made, path)
    await this.disk.syncDirectory(this.paths.log(this.instance))
    const file = await this.disk.open(path, "write")
    return new LogSegment(this.instance, number, path, bytes, file)
  }

  async #fill(path: string, bytes: number): Promise<void> {
    const file = await this.#create(path)
    try {
      for (let at = 0; at < bytes; at += zeroBytes) {
        await file.write(at, [zeros.subarray(0, Math.min(zeroBytes, bytes - at))])
      }
      await file.sync()
      await file.close()
    } catch (error) {
      await file.close().catch(() => {})
      // What was filled of it would keep the disk full.
      await this.disk.unlink(path).catch(() => {})
      throw error
    }
  }

  async #checkRoom(number: number, bytes: number): Promise<void> {
    if (number === 1) return
    const free = await this.disk.freeBytes(this.paths.dir)
    if (free >= bytes + this.freeBytesKept) return
    throw skeinError("DiskFull", `${free} bytes are free, no room for another log segment`, {
      freeBytes: free,
    })
  }

  /** A former attempt may have left the file behind, on a disk that was full. */
  async #create(path: string): Promise<DiskFile> {
    if (this.disk.existsSync(path)) await this.disk.unlink(path)
    return this.disk.open(path, "create")
  }

  async #remove(path: string): Promise<void> {
    await this.disk.unlink(path)
    await this.disk.syncDirectory(this.paths.log(this.instance))
  }
}
