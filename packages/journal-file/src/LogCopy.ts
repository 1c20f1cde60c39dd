/**
 * Owns: one look through a segment of a log for frames that have to leave it: what is whole is
 * copied, and what is damaged is passed over and told, so that one bad byte holds nothing else up.
 * A record that is damaged is behind its batch's head, which says how long it is and whose; where
 * the head itself is damaged, the next batch is searched for, and the bytes may be anybody's.
 * Interleaving: another's process may be writing. What is bad is looked at again once a batch
 * follows it. The last batch of another's log may be a torn tail, to which no recovered shard
 * points: it is one unless the next segment is in use.
 */
import type { Shard } from "@skein/model"
import { type BatchEntry, entryKinds } from "./BatchCodec.js"
import type { FrameMover } from "./FrameMover.js"
import { locationOf } from "./Location.js"
import { frameHeaderBytes, frameOffsets, readFrameHeader, readRecord } from "./RecordCodec.js"
import type { FoundBatch, SegmentReader } from "./SegmentReader.js"

/** For each shard, one for each id that it has for the file. */
export type Movers = ReadonlyMap<Shard, readonly FrameMover[]>

/** Bytes that are not what was written. */
export interface DamagedBytes {
  readonly offset: number
  readonly bytes: number
  /** Whose they were; absent when that cannot be told. */
  readonly shard?: Shard
}

interface BadRecord extends DamagedBytes {
  readonly shard: Shard
}

export class LogCopy {
  readonly damaged: DamagedBytes[] = []
  /** Of the batch that was read last: damage as soon as it is known not to be a torn tail. */
  #bad: BadRecord[] = []
  #rolled = false

  /**
   * `end`: where an own segment ends; a foreign one ends where nothing valid follows, unless it
   * was cut short or `isFollowed` says that the log went on in another segment.
   */
  constructor(
    readonly reader: SegmentReader,
    readonly movers: Movers,
    readonly end: number | undefined,
    readonly isFollowed: () => Promise<boolean>,
    readonly isStopped: () => boolean,
  ) {}

  /** Looks through the segment; not to its end when it is stopped. */
  async run(): Promise<void> {
    const limit = this.end ?? this.reader.capacity
    let offset = 0
    while (offset < limit && !this.#rolled && !this.isStopped()) {
      const batch = await this.#batchAt(offset)
      if (batch === undefined) {
        const next = await this.#behind(offset)
        if (next === undefined) break
        if (next > offset) this.damaged.push({ offset, bytes: next - offset })
        offset = next
        continue
      }
      await this.#settleBad()
      await this.#takeBatch(batch)
      offset += batch.head.bytes
    }
    if (this.#bad.length > 0 && (this.end !== undefined || (await this.isFollowed()))) {
      await this.#settleBad()
    }
  }

  async #batchAt(offset: number): Promise<FoundBatch | undefined> {
    const found = await this.reader.batchAt(offset)
    if (found !== undefined || this.end !== undefined) return found
    this.reader.refresh()
    return this.reader.batchAt(offset)
  }

  /** Where to go on when no batch is at `offset`; `undefined`: a foreign segment's end. */
  async #behind(offset: number): Promise<number | undefined> {
    const { reader, end } = this
    const later = await reader.findBatch(offset)
    if (end !== undefined) return Math.min(later?.offset ?? end, end)
    const isWhole = reader.size >= reader.capacity
    if (later === undefined && isWhole && !(await this.isFollowed())) return undefined
    // What follows may have been written while this looked, and then so has what is here.
    reader.refresh()
    if ((await reader.batchAt(offset)) !== undefined) return offset
    return (await reader.findBatch(offset))?.offset ?? reader.capacity
  }

  async #takeBatch({ head, payloads }: FoundBatch): Promise<void> {
    let offset = payloads
    for (const entry of head.entries) {
      if (entry.kind === entryKinds.roll) this.#rolled = true
      if (isRecord(entry) && !(await this.#copyRecord(entry, offset))) {
        this.#bad.push({ offset, bytes: entry.bytes, shard: entry.shard })
      }
      offset += entry.bytes
    }
  }

  /** Something follows the batch, so all of it was written: what is bad now is damaged. */
  async #settleBad(): Promise<void> {
    const bad = this.#bad
    this.#bad = []
    if (bad.length > 0) this.reader.refresh()
    for (const one of bad) {
      if (!(await this.#copyRecord(one, one.offset))) this.damaged.push(one)
    }
  }

  /** `false`: the record is not whole, and nothing of it was copied. */
  async #copyRecord(
    { shard, bytes }: { readonly shard: Shard; readonly bytes: number },
    at: number,
  ): Promise<boolean> {
    const movers = this.movers.get(shard)
    if (movers === undefined) return true
    const record = await this.reader.bytes(at, bytes)
    const head = readRecord(record)
    if (head === undefined) return false
    for (const offset of frameOffsets(record, head)) {
      const frame = readFrameHeader(record, offset)
      const end = offset + frameHeaderBytes + frame.bytes
      for (const mover of movers) {
        const from = locationOf(mover.fromEntry.id, at + offset)
        if (mover.isLive(frame, from)) await mover.move(frame, from, record.subarray(offset, end))
      }
    }
    return true
  }
}

const isRecord = ({ kind }: BatchEntry): boolean =>
  kind === entryKinds.record || kind === entryKinds.copy
