/**
 * Owns: the one log of this process: one write and one fdatasync for all that waits on all shards.
 * Records are added synchronously, `flush` writes and syncs them, `roll` goes on to the next
 * segment when one is full. Callers take turns: nothing here may overlap.
 * Must not know: who owns a shard, what the cleaner does.
 * Order at a roll: the batch that ends with `roll` is synced before anything is written to the next
 * segment, whose first batch tells how far each shard was: so nothing can go missing unseen.
 * After a failed write the next batch begins at the same place. What may be left there was never
 * confirmed, and whoever adopts it copies it first.
 */
import { crc32 } from "node:zlib"
import {
  type FailpointPhase,
  type Failpoints,
  type Location,
  noFailpoints,
  type ShardRecord,
} from "@skein/journal"
import type { Clock, Shard } from "@skein/model"
import { invariant } from "@skein/model"
import {
  batchEntryBytes,
  batchHeaderBytes,
  encodeHeads,
  encodeSeal,
  entryKinds,
  type Head,
  type Seal,
} from "./BatchCodec.js"
import { BatchWriter } from "./BatchWriter.js"
import { noteFrame, type TableEntry } from "./FileTable.js"
import { align } from "./Layout.js"
import { locationOf } from "./Location.js"
import type { LogSegment } from "./LogSegment.js"
import type { SegmentSupply } from "./SegmentSupply.js"

/** A roll must always fit. */
const rollBytes = batchHeaderBytes + batchEntryBytes

/** What was added to the batch and takes effect when it is durable. */
interface Added {
  readonly head: Head
  readonly frameBytes: readonly number[]
  readonly locations: Location[]
  readonly firstLocation: number
  /** Absent when there are no frames. */
  readonly entry?: TableEntry
}

export class CommitLog {
  readonly segments: LogSegment[] = []
  readonly #writer = new BatchWriter()
  #added: Added[] = []
  readonly #heads = new Map<Shard, Head>()
  #commitNumber = 0
  /** Called with the segment that was sealed. */
  onRoll: (sealed: LogSegment) => void = () => {}

  constructor(
    readonly supply: SegmentSupply,
    readonly clock: Clock,
    readonly firstSegmentBytes: number,
    readonly failpoints: Failpoints = noFailpoints,
  ) {}

  get current(): LogSegment {
    const current = this.segments[this.segments.length - 1]
    invariant(current !== undefined, "the log is open")
    return current
  }

  /** Room in the current segment and in the one that is prepared. */
  get preparedBytes(): number {
    return this.current.room + this.supply.preparedBytes
  }

  /** Bytes in segments that the cleaner has not dealt with. */
  get bytes(): number {
    let bytes = 0
    for (const segment of this.segments) bytes += segment.position
    return bytes
  }

  get isEmpty(): boolean {
    return this.#writer.entries === 0
  }

  async open(): Promise<void> {
    this.segments.push(await this.supply.take(1, this.firstSegmentBytes))
    this.supply.prepare(2)
  }

  /** Tries once more when the next segment could not be made: the disk may have room now. */
  prepareNext(): void {
    this.supply.prepare(this.current.number + 1)
  }

  /** Whether so many payload bytes still go into the current segment. */
  fits(payloads: number, payloadBytes: number): boolean {
    const heads = this.#headsDue ? 1 : 0
    const more = heads === 0 ? 0 : this.#heads.size * 24
    const bytes = this.#writer.bytesWith(payloads + heads, payloadBytes + more)
    return bytes + rollBytes <= this.current.room
  }

  /** Adds a record; its frames' locations are right once `flush` or `roll` has resolved. */
  addRecord(
    head: Omit<Head, "crc">,
    previousCrc: number,
    record: ShardRecord,
    entry: TableEntry,
    locations: Location[],
  ): number {
    this.#addHeadsWhenDue()
    const { shard, epoch, recordNumber } = head
    const place = this.#writer.record(shard, epoch, recordNumber, previousCrc, record)
    const firstLocation = locations.length
    for (const offset of place.frames) locations.push(locationOf(entry.id, offset))
    const frameBytes = record.frames.map((frame) => frame.bytes.length)
    const { crc } = place
    this.#added.push({ head: { ...head, crc }, frameBytes, locations, firstLocation, entry })
    return crc
  }

  /** Adds a former owner's record as it is. */
  addCopy(
    shard: Shard,
    crc: number,
    bytes: Buffer,
    frames: readonly { readonly offset: number; readonly bytes: number }[],
    entry: TableEntry,
    head: Head,
  ): Location[] {
    this.#addHeadsWhenDue()
    const at = this.#writer.payload(shard, entryKinds.copy, bytes, crc)
    const locations = frames.map((frame) => locationOf(entry.id, at + frame.offset))
    const frameBytes = frames.map((frame) => frame.bytes)
    this.#added.push({ head, frameBytes, locations, firstLocation: 0, entry })
    return locations
  }

  addSeal(seal: Seal): void {
    this.#addHeadsWhenDue()
    const { shard, epoch, recordNumber, crc } = seal
    const bytes = encodeSeal(seal)
    this.#writer.payload(shard, entryKinds.seal, bytes, crc32(bytes))
    const head = { shard, epoch, recordNumber, crc }
    this.#added.push({ head, frameBytes: [], locations: [], firstLocation: 0 })
  }

  /** Payload bytes of a mark. */
  get markBytes(): number {
    return 24 * this.#headsSpan
  }

  /** Adds how far each shard is: a durable mark that later damage is measured against. */
  addMark(): void {
    const bytes = encodeHeads([...this.#heads.values()])
    this.#writer.payload(0, entryKinds.heads, bytes, crc32(bytes))
  }

  /** Writes what was added and syncs it: from here on it may be confirmed. `phase`: what for. */
  async flush(phase?: FailpointPhase): Promise<void> {
    if (this.isEmpty) return
    const segment = this.current
    const start = segment.position + this.#writer.payloadStart
    const parts = this.#writer.finish(
      segment.salt,
      segment.position,
      ++this.#commitNumber,
      this.clock.wallMs(),
    )
    const bytes = this.#writer.bytesWith(0, 0)
    try {
      await segment.file.write(segment.position, parts)
      if (phase !== undefined) this.failpoints.hit(`${phase}.written`)
      await segment.file.sync()
      if (phase !== undefined) this.failpoints.hit(`${phase}.synced`)
      segment.position += bytes
      segment.syncedPosition = segment.position
      this.#settle(segment, start)
    } finally {
      this.#added = []
      this.#writer.clear()
    }
  }

  /** Seals the current segment and goes on in one with room for a record of so many bytes. */
  async roll(payloadBytes: number): Promise<void> {
    const sealed = this.current
    const number = sealed.number + 1
    const needs =
      align(batchHeaderBytes + 8 * batchEntryBytes + 24 * this.#headsSpan + payloadBytes) +
      rollBytes
    let next: LogSegment
    try {
      next = await this.supply.take(number, needs)
    } catch (error) {
      this.#added = []
      this.#writer.clear()
      throw error
    }
    this.#writer.payload(0, entryKinds.roll, new Uint8Array(0), 0)
    await this.flush()
    sealed.sealed = true
    this.segments.push(next)
    this.supply.prepare(number + 1)
    this.onRoll(sealed)
  }

  async close(): Promise<void> {
    await this.supply.close()
    for (const segment of this.segments) await segment.file.close()
  }

  get #headsDue(): boolean {
    return this.current.position === 0 && this.#writer.entries === 0
  }

  /** An upper bound of the shards that can be in the next segment's heads. */
  get #headsSpan(): number {
    return this.#heads.size + this.#added.length
  }

  #addHeadsWhenDue(): void {
    if (this.#headsDue) this.addMark()
  }

  #settle(segment: LogSegment, start: number): void {
    for (const { head, frameBytes, locations, firstLocation, entry } of this.#added) {
      this.#heads.set(head.shard, head)
      segment.lastRecords.set(head.shard, head)
      if (entry === undefined) continue
      for (let frame = 0; frame < frameBytes.length; frame++) {
        locations[firstLocation + frame] += start
        noteFrame(entry, frameBytes[frame])
      }
    }
  }
}
