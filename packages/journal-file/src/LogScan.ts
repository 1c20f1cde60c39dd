/**
 * Owns: what the log of one instance says, read once per process and not once per shard: for each
 * shard its records without their bodies, seals and evidence, in log order, and all damage.
 * `extend` reads on from where the log ended last time: a shard that is claimed later must see what
 * its former owner wrote until then, so a scan is extended after every claim.
 * The process may be writing meanwhile. What looks like damage is looked at again: a batch is there
 * before the next one is begun, and the next segment before the log rolls on to it.
 * The last batch is never certain: when its sync found no room, the process has gone on and written
 * another one in its place, perhaps in a former segment. So each look begins with that batch again;
 * those before it are durable, or it would not have been begun.
 */
import type { Disk } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { InstanceId, Shard } from "@skein/model"
import { type AheadMemory, aheadMemory } from "./AheadWindow.js"
import { type BatchEntry, entryKinds } from "./BatchCodec.js"
import { type LogSegmentName, type Paths, parseLogSegment, segmentSalt } from "./Layout.js"
import { type LogPlace, logEnd } from "./LogEnd.js"
import {
  type Damage,
  readScanEntry,
  type ScanEntry,
  type ShardEntry,
  type TornTail,
} from "./ScanEntry.js"
import { cut, ScannedEntries } from "./ScannedEntries.js"
import { type FoundBatch, SegmentReader } from "./SegmentReader.js"
import { Turns } from "./Turns.js"

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

interface LastBatch extends LogPlace {
  /** Of its first entry. */
  readonly order: number
}

const lookAttemptsMax = 8

export class LogScan {
  readonly damages: Damage[] = []
  torn: TornTail | undefined
  /** Entries of this order and later were not known to be durable when the log ended. */
  durableBefore = 0
  readonly #found = new ScannedEntries()
  #order = 0
  #firstNumber = 0
  /** Where the next batch is expected. */
  #number = 0
  #offset = 0
  #last: LastBatch | undefined
  /** From this order on it is about the log's end, and looked at afresh next time. */
  #unsure = Number.POSITIVE_INFINITY
  #names: readonly LogSegmentName[] = []
  /** The log's end just before it was searched, and when nothing has changed while it was. */
  #searched: string | undefined
  #end: string | undefined
  readonly #memory: AheadMemory = aheadMemory()
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
    return this.#found.of(shard)
  }

  /** The shard is open: its entries are not needed again, and this scan is of no use to it. */
  forget(shard: Shard): void {
    this.#found.forget(shard)
  }

  hasForgotten(shard: Shard): boolean {
    return this.#found.hasForgotten(shard)
  }

  /** Every shard that the log has records or seals of. */
  get shards(): readonly Shard[] {
    return this.#found.shards
  }

  /** A cleaner may take segments away meanwhile: then a durable checkpoint covers them. */
  async #extend(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        this.#names = await this.#list()
        if (this.#end !== undefined && this.#end === (await this.#readEnd())) return
        this.#end = undefined
        this.#searched = undefined
        await this.#readOn()
        this.#names = await this.#list()
        if (this.#searched === (await this.#readEnd())) this.#end = this.#searched
        return
      } catch (error) {
        if (!isMissing(error) || attempt === lookAttemptsMax) throw error
      }
    }
  }

  #readEnd(): Promise<string> {
    const next = { number: this.#number + 1, offset: 0 }
    const here = { number: this.#number, offset: this.#offset }
    const places = this.#last === undefined ? [here, next] : [this.#last, here, next]
    return logEnd(this.disk, this.paths, this.instance, this.#names, places)
  }

  async #readOn(): Promise<void> {
    this.#takeBackEnd()
    const names = this.#names
    if (names.length === 0) return this.#missing(0, "the instance's log is missing")
    if (this.#number < names[0].number) {
      this.#number = names[0].number
      this.#offset = 0
      this.#firstNumber = this.#number
    }
    for (;;) {
      const isNext = (name: LogSegmentName) => name.number === this.#number
      // Made since the listing.
      if (!this.#names.some(isNext)) this.#names = await this.#list()
      const at = this.#names.findIndex(isNext)
      if (at === -1) return this.#missing(this.#number, "a log segment is missing")
      const rolled = await this.#readSegment(this.#names[at], this.#names[at + 1])
      if (!rolled) return
      this.#number++
      this.#offset = 0
    }
  }

  /** What an earlier look saw at the log's end is looked at afresh. */
  #takeBackEnd(): void {
    const last = this.#last
    const from = Math.min(this.#unsure, last?.order ?? this.#unsure)
    this.#found.dropFrom(from)
    cut(this.damages, from)
    if (last !== undefined) {
      this.#number = last.number
      this.#offset = last.offset
    }
    this.#last = undefined
    this.#unsure = Number.POSITIVE_INFINITY
    this.torn = undefined
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
    this.#unsure = Math.min(this.#unsure, this.#order + 1)
    this.#damage({ file, offset: 0, length: 0, what })
  }

  #damage(damage: Omit<Damage, "order">): void {
    this.damages.push({ ...damage, order: ++this.#order })
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
    const { number, bytes } = name
    const path = this.paths.logSegment(this.instance, number, bytes)
    const salt = segmentSalt(this.instance, number)
    return SegmentReader.open(this.disk, path, salt, bytes, this.#memory)
  }

  /** Whether the next segment holds a batch. `reader` lends its memory for the look. */
  async #isUsed(reader: SegmentReader, next: LogSegmentName | undefined): Promise<boolean> {
    if (next === undefined) return false
    await reader.letGo()
    const other = await this.#open(next)
    try {
      return (await other.findBatch(0)) !== undefined
    } finally {
      await other.close()
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
    this.#searched = await this.#readEnd()
    reader.refresh()
    if ((await reader.batchAt(offset)) !== undefined) return offset
    const later = await reader.findBatch(offset)
    const used = later === undefined && (await this.#isUsed(reader, next))
    if (later !== undefined || used) {
      reader.refresh()
      if ((await reader.batchAt(offset)) !== undefined) return offset
    }
    if (later !== undefined) {
      const length = later.offset - offset
      this.#damage({ file, offset, length, what: "damaged before a later batch" })
      return later.offset
    }
    this.#unsure = Math.min(this.#unsure, this.#order + 1)
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
    look = 1,
  ): Promise<boolean | undefined> {
    const taken: Taken[] = []
    const bad: Bad[] = []
    const order = this.#order + 1
    this.durableBefore = order
    let offset = found.payloads
    let rolled = false
    for (const entry of found.head.entries) {
      if (entry.kind === entryKinds.roll) rolled = true
      else {
        const bytes = reader.peek(offset, entry.bytes) ?? (await reader.bytes(offset, entry.bytes))
        const read = readScanEntry(name, entry, bytes, offset, ++this.#order)
        if (read === undefined) bad.push({ entry, offset, wholeBefore: taken.length })
        else taken.push({ shard: entry.shard, entry: read })
      }
      offset += entry.bytes
    }
    const end = found.offset + found.head.bytes
    if (bad.length > 0) {
      // Once more: it may just be there. And again, if something follows it: then it is.
      if (look === 1) this.#searched = await this.#readEnd()
      else if (await this.#isTail(reader, end, next)) return this.#tear(reader, order, taken, bad)
      reader.refresh()
      const head = await reader.batchAt(found.offset)
      if (head === undefined) return undefined
      if (look < 3) return this.#takeBatch(reader, name, head, next, look + 1)
    }
    for (const one of taken) this.#found.add(one.shard, one.entry)
    for (const { entry, offset } of bad) {
      const shards = entry.kind === entryKinds.heads ? [] : [entry.shard]
      const what = "a payload does not match its checksum"
      this.#damage({ file: reader.file.path, offset, length: entry.bytes, what, shards })
    }
    this.#last = { number: name.number, offset: found.offset, order }
    this.#offset = end
    return rolled ? true : undefined
  }

  /** The batch is the log's end, and not whole. */
  #tear(
    reader: SegmentReader,
    order: number,
    taken: readonly Taken[],
    bad: readonly Bad[],
  ): boolean {
    this.#unsure = order
    this.torn = { file: reader.file.path, offset: bad[0].offset, bytes: tornBytes(bad) }
    for (const one of taken.slice(0, bad[0].wholeBefore)) this.#found.add(one.shard, one.entry)
    return false
  }

  /** Nothing valid lies behind `end`, and nothing says that something did. */
  async #isTail(
    reader: SegmentReader,
    end: number,
    next: LogSegmentName | undefined,
  ): Promise<boolean> {
    if (reader.size < reader.capacity) return false
    return (await reader.findBatch(end)) === undefined && !(await this.#isUsed(reader, next))
  }
}

const tornBytes = (bad: readonly Bad[]): Map<Shard, number> => {
  const bytes = new Map<Shard, number>()
  for (const { entry } of bad) {
    if (entry.kind === entryKinds.heads) continue
    bytes.set(entry.shard, (bytes.get(entry.shard) ?? 0) + entry.bytes)
  }
  return bytes
}
