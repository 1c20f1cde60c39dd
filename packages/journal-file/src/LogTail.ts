/**
 * Owns: reading along the log of a living process, for one shard: whole batches as they come. It
 * judges no damage: what is not whole may become whole, and is looked at again by the next call.
 * What was read may be records that are never confirmed; whoever opens the shard checks the end.
 * The process cleans its log meanwhile: whoever is slower than that hears ShardUnavailable.
 */
import { crc32 } from "node:zlib"
import type { Disk } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { InstanceId, Shard } from "@skein/model"
import { shardName, skeinError } from "@skein/model"
import { type BatchEntry, decodeSeal, entryKinds } from "./BatchCodec.js"
import { type LogSegmentName, type Paths, parseLogSegment, segmentSalt } from "./Layout.js"
import { readRecord } from "./RecordCodec.js"
import { type ScannedRecord, type ScannedSeal, scannedRecord } from "./ScanEntry.js"
import { type FoundBatch, SegmentReader } from "./SegmentReader.js"

type TailEntry = ScannedRecord | ScannedSeal

/** A tail's place: the segment, and the offset of the next batch. */
interface Place {
  readonly number: number
  readonly offset: number
}

export class LogTail {
  readonly damages = []
  readonly torn = undefined
  /** Nothing here is copied: a shard is handed over when all of it is durable. */
  readonly durableBefore = Number.POSITIVE_INFINITY
  #entries: TailEntry[] = []
  #place: Place | undefined
  #order = 0

  constructor(
    readonly disk: Disk,
    readonly paths: Paths,
    readonly instance: InstanceId,
    readonly shard: Shard,
  ) {}

  readonly entries = (): readonly TailEntry[] => this.#entries

  /** What was read is taken over by the caller. */
  readonly forget = (): void => {
    this.#entries = []
  }

  /** Reads on to the end. */
  async read(): Promise<void> {
    this.#place = await this.#walk(this.#place, async (reader, name, found) => {
      const taken = await this.#takeBatch(reader, name, found)
      if (taken === undefined) return false
      this.#entries.push(...taken)
      return true
    })
  }

  /** Bytes of whole batches, of all shards, that `read` would read. */
  async behindBytes(): Promise<number> {
    let bytes = 0
    await this.#walk(this.#place, async (_reader, _name, { head }) => {
      bytes += head.bytes
      return true
    })
    return bytes
  }

  /** Batch by batch until there is none, or `take` says that this one is not whole. */
  async #walk(
    from: Place | undefined,
    take: (reader: SegmentReader, name: LogSegmentName, found: FoundBatch) => Promise<boolean>,
  ): Promise<Place | undefined> {
    let names = await this.#list()
    let place = from ?? { number: names[0]?.number ?? 1, offset: 0 }
    for (;;) {
      const isHere = ({ number }: LogSegmentName) => number === place.number
      // Made since the listing.
      if (!names.some(isHere)) names = await this.#list()
      const name = names.find(isHere)
      if (name === undefined) {
        if (names.some(({ number }) => number > place.number)) throw this.#behind(place)
        return place
      }
      const [offset, rolled] = await this.#walkSegment(name, place, take)
      if (!rolled) return { number: place.number, offset }
      place = { number: place.number + 1, offset: 0 }
    }
  }

  async #walkSegment(
    name: LogSegmentName,
    place: Place,
    take: (reader: SegmentReader, name: LogSegmentName, found: FoundBatch) => Promise<boolean>,
  ): Promise<readonly [offset: number, rolled: boolean]> {
    const reader = await this.#open(name, place)
    try {
      let { offset } = place
      for (;;) {
        const found = await reader.batchAt(offset)
        if (found === undefined || !(await take(reader, name, found))) return [offset, false]
        offset += found.head.bytes
        if (found.head.entries.some(({ kind }) => kind === entryKinds.roll)) return [offset, true]
      }
    } finally {
      await reader.close()
    }
  }

  async #open({ number, bytes }: LogSegmentName, place: Place): Promise<SegmentReader> {
    const path = this.paths.logSegment(this.instance, number, bytes)
    try {
      return await SegmentReader.open(this.disk, path, segmentSalt(this.instance, number), bytes)
    } catch (error) {
      if (isMissing(error)) throw this.#behind(place)
      throw error
    }
  }

  /** The shard's entries of a batch; `undefined`: they are not all there yet. */
  async #takeBatch(
    reader: SegmentReader,
    name: LogSegmentName,
    { head, payloads }: FoundBatch,
  ): Promise<TailEntry[] | undefined> {
    const taken: TailEntry[] = []
    let at = payloads
    for (const entry of head.entries) {
      const isShards = entry.kind !== entryKinds.heads && entry.kind !== entryKinds.roll
      if (isShards && entry.shard === this.shard) {
        const read = this.#readEntry(name, entry, await reader.bytes(at, entry.bytes), at)
        if (read === undefined) return undefined
        taken.push(read)
      }
      at += entry.bytes
    }
    return taken
  }

  #readEntry(
    name: LogSegmentName,
    { kind, shard, bytes: length, crc }: BatchEntry,
    bytes: Buffer,
    offset: number,
  ): TailEntry | undefined {
    if (bytes.length < length) return undefined
    const order = ++this.#order
    if (kind === entryKinds.seal) {
      return crc32(bytes) === crc
        ? { kind: "seal", order, seal: decodeSeal(shard, bytes) }
        : undefined
    }
    const head = readRecord(bytes)
    if (head === undefined || head.crc !== crc || head.shard !== shard) return undefined
    const as = kind === entryKinds.copy ? "copy" : "record"
    return scannedRecord(as, order, name, head, bytes, offset)
  }

  async #list(): Promise<LogSegmentName[]> {
    const names: LogSegmentName[] = []
    for (const name of await this.disk.list(this.paths.log(this.instance))) {
      const parsed = parseLogSegment(name)
      if (parsed !== undefined) names.push(parsed)
    }
    return names.sort((a, b) => a.number - b.number)
  }

  #behind({ number }: Place): Error {
    const { shard } = this
    const what = `log segment ${number} of its owner was cleaned before it was read`
    return skeinError("ShardUnavailable", `${shardName(shard)}: ${what}`, { shard })
  }
}
