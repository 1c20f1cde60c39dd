/**
 * Owns: what the log of one instance says, read once per process and not once per shard: for each
 * shard its records without their bodies, seals and evidence, in log order, and all damage.
 * `extend` reads on from where the log ended last time: a shard that is claimed later must see what
 * its former owner wrote until then, so a scan is extended after every claim.
 * The process may be writing meanwhile. What looks like damage is looked at again: a batch is there
 * before the next one is begun, and the next segment before the log rolls on to it.
 */
import { crc32 } from "node:zlib"
import type { Disk } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Epoch, InstanceId, Shard } from "@skein/model"
import {
  announcedBatchBytes,
  type BatchEntry,
  decodeHeads,
  decodeSeal,
  entryKinds,
  type Seal,
} from "./BatchCodec.js"
import { type LogSegmentName, type Paths, parseLogSegment, segmentSalt } from "./Layout.js"
import {
  frameOffsets,
  type RecordHead,
  readFrameHeader,
  readRecord,
  recordHeaderBytes,
} from "./RecordCodec.js"
import { type FoundBatch, SegmentReader } from "./SegmentReader.js"
import { Turns } from "./Turns.js"

export interface ScannedFrame {
  readonly generation: number
  readonly first: number
  readonly bytes: number
  /** Of the frame's header, in the segment. */
  readonly offset: number
}

export interface ScannedRecord {
  readonly kind: "record" | "copy"
  readonly order: number
  readonly epoch: Epoch
  readonly recordNumber: number
  readonly crc: number
  readonly previousCrc: number
  readonly journalMs: number
  readonly events: Buffer
  readonly frames: readonly ScannedFrame[]
  readonly segment: LogSegmentName
  readonly offset: number
  readonly bytes: number
}

export interface ScannedSeal {
  readonly kind: "seal"
  readonly order: number
  readonly seal: Seal
}
interface ScannedHeads {
  readonly kind: "heads"
  readonly order: number
  readonly bytes: Buffer
}
type ScanEntry = ScannedRecord | ScannedSeal | ScannedHeads

/** What the log says of one shard. */
export type ShardEntry =
  | ScannedRecord
  | ScannedSeal
  | {
      readonly kind: "evidence"
      readonly order: number
      readonly epoch: Epoch
      readonly recordNumber: number
      readonly crc: number
    }

export interface Damage {
  readonly order: number
  readonly file: string
  readonly offset: number
  readonly length: number
  readonly what: string
  /** Whose records were there; absent when that cannot be told. */
  readonly shards?: readonly Shard[]
}

/** What was behind the last whole record and was never confirmed. */
export interface TornTail {
  readonly file: string
  readonly offset: number
  readonly bytes: ReadonlyMap<Shard, number>
}

interface Taken {
  readonly shard: Shard
  readonly entry: ScanEntry
}

interface Bad {
  readonly entry: BatchEntry
  readonly offset: number
  /** How many entries of the batch were whole before it. */
  readonly wholeBefore: number
}

export class LogScan {
  damages: Damage[] = []
  torn: TornTail | undefined
  /** Entries of this order and later were not known to be durable when the log ended. */
  durableBefore = 0
  readonly #shards = new Map<Shard, (ScannedRecord | ScannedSeal)[]>()
  #heads: ScannedHeads[] = []
  readonly #forgotten = new Set<Shard>()
  #order = 0
  #firstNumber = 0
  /** Where to read on: the segment's number, the offset of the first batch not taken for good. */
  #number = 0
  #offset = 0
  /** Entries of the last batch when it was not whole: read again by the next `extend`. */
  #provisional = 0
  #tornBytes = 0
  #tail: string | undefined
  readonly #turns = new Turns()
  #queued: Promise<void> | undefined

  constructor(
    readonly disk: Disk,
    readonly paths: Paths,
    readonly instance: InstanceId,
  ) {}

  /** Reads what the log holds now. Whoever claims first and then awaits this has read after. */
  extend(): Promise<void> {
    // One that has not begun yet reads for all who ask until it begins.
    this.#queued ??= this.#turns.run(async () => {
      await Promise.resolve()
      this.#queued = undefined
      await this.#extend()
    })
    return this.#queued
  }

  /** What the log says of a shard, in log order. */
  entries(shard: Shard): readonly ShardEntry[] {
    const all: ShardEntry[] = [...(this.#shards.get(shard) ?? [])]
    for (const { order, bytes } of this.#heads) {
      for (const head of decodeHeads(bytes)) {
        if (head.shard !== shard) continue
        const { epoch, recordNumber, crc } = head
        all.push({ kind: "evidence", order, epoch, recordNumber, crc })
      }
    }
    return all.sort((a, b) => a.order - b.order)
  }

  /** The shard is open: its entries are not needed again, and this scan is of no use to it. */
  forget(shard: Shard): void {
    this.#shards.delete(shard)
    this.#forgotten.add(shard)
  }

  hasForgotten(shard: Shard): boolean {
    return this.#forgotten.has(shard)
  }

  /** Every shard that the log has records or seals of. */
  get shards(): readonly Shard[] {
    return [...this.#shards.keys()]
  }

  /** A cleaner may take segments away meanwhile: then a durable checkpoint covers them. */
  async #extend(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        const names = await this.#list()
        const tail = await this.#readTail(names)
        if (tail !== undefined && tail === this.#tail) return
        this.#tail = undefined
        await this.#readOn(names)
        // The same before and after a look that found nothing new: that look saw these bytes.
        const seen = await this.#readTail(names)
        await this.#readOn(names)
        const after = await this.#readTail(names)
        if (seen === after) this.#tail = after
        return
      } catch (error) {
        if (!isMissing(error) || attempt === 8) throw error
      }
    }
  }

  /** What would change if the log had gone on: searching its end again costs a whole segment. */
  async #readTail(names: readonly LogSegmentName[]): Promise<string | undefined> {
    const at = names.findIndex((name) => name.number === this.#number)
    if (at === -1) return undefined
    const parts = [names.map((name) => name.name).join(), this.#offset, this.#tornBytes]
    const places = [
      { name: names[at], offset: this.#offset, length: Math.max(64, this.#tornBytes) },
      { name: names[at + 1], offset: 0, length: 64 },
    ]
    for (const { name, offset, length } of places) {
      if (name === undefined) continue
      const reader = await this.#open(name)
      // A batch that is being written changes up to its end.
      const begun = announcedBatchBytes(await reader.bytes(offset, 64), offset, name.bytes - offset)
      const bytes = await reader.bytes(offset, Math.max(length, begun))
      parts.push(reader.size, crc32(bytes))
      await reader.close()
    }
    return parts.join()
  }

  async #readOn(names: readonly LogSegmentName[]): Promise<void> {
    this.#dropProvisional()
    this.torn = undefined
    this.#tornBytes = 0
    if (names.length === 0) return this.#missing(0, "the instance's log is missing")
    if (this.#number < names[0].number) {
      this.#number = names[0].number
      this.#offset = 0
      this.#firstNumber = this.#number
    }
    let known = names
    for (;;) {
      const isNext = (name: LogSegmentName) => name.number === this.#number
      // Made since the listing.
      if (!known.some(isNext)) known = await this.#list()
      const at = known.findIndex(isNext)
      if (at === -1) return this.#missing(this.#number, "a log segment is missing")
      const rolled = await this.#readSegment(known[at], known[at + 1])
      if (!rolled) return
      this.#number++
      this.#offset = 0
    }
  }

  async #list(): Promise<LogSegmentName[]> {
    const directory = this.paths.log(this.instance)
    const names: LogSegmentName[] = []
    try {
      for (const name of await this.disk.list(directory)) {
        const parsed = parseLogSegment(name)
        if (parsed !== undefined) names.push(parsed)
      }
    } catch (error) {
      if (!isMissing(error)) throw error
    }
    return names.sort((a, b) => a.number - b.number)
  }

  #missing(number: number, what: string): void {
    const file = `${this.paths.log(this.instance)}/log.${String(number).padStart(8, "0")}.*`
    this.#provisional ||= this.#order + 1
    this.#damage({ file, offset: 0, length: 0, what })
  }

  #damage(damage: Omit<Damage, "order">): void {
    this.damages.push({ ...damage, order: ++this.#order })
  }

  /** What an earlier `extend` saw at the log's end is looked at afresh. */
  #dropProvisional(): void {
    if (this.#provisional === 0) return
    const keep = (entry: { readonly order: number }) => entry.order < this.#provisional
    for (const [shard, entries] of this.#shards) this.#shards.set(shard, entries.filter(keep))
    this.#heads = this.#heads.filter(keep)
    this.damages = this.damages.filter(keep)
    this.#provisional = 0
  }

  /** Whether the segment ends with a roll: then there must be a next one. */
  async #readSegment(name: LogSegmentName, next: LogSegmentName | undefined): Promise<boolean> {
    const reader = await this.#open(name)
    try {
      for (;;) {
        const found = await reader.batchAt(this.#offset)
        if (found === undefined) {
          const behind = await this.#behind(reader, next)
          if (typeof behind === "boolean") return behind
          this.#offset = behind
          continue
        }
        const rolled = await this.#takeBatch(reader, name, found, next)
        if (rolled !== undefined) return rolled
      }
    } finally {
      await reader.close()
    }
  }

  #open(name: LogSegmentName): Promise<SegmentReader> {
    const path = this.paths.logSegment(this.instance, name.number, name.bytes)
    return SegmentReader.open(this.disk, path, segmentSalt(this.instance, name.number), name.bytes)
  }

  async #isUsed(name: LogSegmentName | undefined): Promise<boolean> {
    if (name === undefined) return false
    const reader = await this.#open(name)
    try {
      return (await reader.findBatch(0)) !== undefined
    } finally {
      await reader.close()
    }
  }

  /** No batch at `#offset`: where to go on behind the damage; `true`: in the next segment;
   * `false`: this is the log's end. */
  async #behind(
    reader: SegmentReader,
    next: LogSegmentName | undefined,
  ): Promise<number | boolean> {
    const offset = this.#offset
    const file = reader.file.path
    const later = await reader.findBatch(offset)
    const used = later === undefined && (await this.#isUsed(next))
    if (later !== undefined || used) {
      reader.refresh()
      if ((await reader.batchAt(offset)) !== undefined) return offset
    }
    if (later !== undefined) {
      const length = later.offset - offset
      this.#damage({ file, offset, length, what: "damaged before a later batch" })
      return later.offset
    }
    this.#provisional ||= this.#order + 1
    if (reader.size < reader.capacity || used) {
      const length = reader.capacity - offset
      const what = used ? "damaged before a later segment" : "the file was cut short"
      this.#damage({ file, offset, length, what })
    } else if (offset === 0 && this.#number > 1 && this.#number === this.#firstNumber) {
      this.#damage({ file, offset, length: 0, what: "the segments before are missing" })
    }
    return used
  }

  /** `true`, `false`: the segment ends here, with or without a next one. `undefined`: read on. */
  async #takeBatch(
    reader: SegmentReader,
    name: LogSegmentName,
    found: FoundBatch,
    next: LogSegmentName | undefined,
    again = false,
  ): Promise<boolean | undefined> {
    const taken: Taken[] = []
    const bad: Bad[] = []
    this.durableBefore = this.#order + 1
    let offset = found.payloads
    let rolled = false
    for (const entry of found.head.entries) {
      if (entry.kind === entryKinds.roll) rolled = true
      else {
        const bytes = await reader.bytes(offset, entry.bytes)
        const read = this.#readEntry(name, entry, bytes, offset)
        if (read === undefined) bad.push({ entry, offset, wholeBefore: taken.length })
        else taken.push({ shard: entry.shard, entry: read })
      }
      offset += entry.bytes
    }
    const end = found.offset + found.head.bytes
    const torn = bad.length > 0 && (await this.#isTail(reader, end, next))
    if (torn) {
      this.#provisional = this.durableBefore
      this.#tornBytes = found.head.bytes
      this.torn = { file: reader.file.path, offset: bad[0].offset, bytes: tornBytes(bad) }
      for (const one of taken.slice(0, bad[0].wholeBefore)) this.#push(one)
      return false
    }
    if (bad.length > 0 && !again) {
      reader.refresh()
      return this.#takeBatch(reader, name, found, next, true)
    }
    for (const one of taken) this.#push(one)
    for (const { entry, offset } of bad) {
      const shards = entry.kind === entryKinds.heads ? [] : [entry.shard]
      const what = "a payload does not match its checksum"
      this.#damage({ file: reader.file.path, offset, length: entry.bytes, what, shards })
    }
    this.#offset = end
    return rolled ? true : undefined
  }

  /** Nothing valid lies behind `end`, and nothing says that something did. */
  async #isTail(
    reader: SegmentReader,
    end: number,
    next: LogSegmentName | undefined,
  ): Promise<boolean> {
    if (reader.size < reader.capacity) return false
    return (await reader.findBatch(end)) === undefined && !(await this.#isUsed(next))
  }

  #readEntry(
    segment: LogSegmentName,
    entry: BatchEntry,
    bytes: Buffer,
    offset: number,
  ): ScanEntry | undefined {
    const order = ++this.#order
    if (bytes.length < entry.bytes) return undefined
    if (entry.kind === entryKinds.record || entry.kind === entryKinds.copy) {
      const head = readRecord(bytes)
      if (head === undefined || head.crc !== entry.crc || head.shard !== entry.shard) {
        return undefined
      }
      const kind = entry.kind === entryKinds.copy ? "copy" : "record"
      return scannedRecord(kind, order, segment, head, bytes, offset)
    }
    if (crc32(bytes) !== entry.crc) return undefined
    if (entry.kind === entryKinds.seal) {
      return { kind: "seal", order, seal: decodeSeal(entry.shard, bytes) }
    }
    return { kind: "heads", order, bytes: Buffer.from(bytes) }
  }

  #push({ shard, entry }: Taken): void {
    if (entry.kind === "heads") {
      this.#heads.push(entry)
      return
    }
    if (this.#forgotten.has(shard)) return
    const entries = this.#shards.get(shard)
    if (entries === undefined) this.#shards.set(shard, [entry])
    else entries.push(entry)
  }
}

/** A record without its bodies; `bytes` are the whole payload, at `offset` in the segment. */
export const scannedRecord = (
  kind: "record" | "copy",
  order: number,
  segment: LogSegmentName,
  head: RecordHead,
  bytes: Buffer,
  offset: number,
): ScannedRecord => ({
  kind,
  order,
  epoch: head.epoch,
  recordNumber: head.recordNumber,
  crc: head.crc,
  previousCrc: head.previousCrc,
  journalMs: head.journalMs,
  events: Buffer.from(bytes.subarray(recordHeaderBytes, recordHeaderBytes + head.eventsBytes)),
  frames: frameOffsets(bytes, head).map((at) => {
    const frame = readFrameHeader(bytes, at)
    const { generation, first } = frame
    return { generation, first, bytes: frame.bytes, offset: offset + at }
  }),
  segment,
  offset,
  bytes: bytes.length,
})

const tornBytes = (bad: readonly Bad[]): Map<Shard, number> => {
  const bytes = new Map<Shard, number>()
  for (const { entry } of bad) {
    if (entry.kind === entryKinds.heads) continue
    bytes.set(entry.shard, (bytes.get(entry.shard) ?? 0) + entry.bytes)
  }
  return bytes
}
