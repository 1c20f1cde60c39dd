/**
 * Owns: the last step before a shard is open: what was not known to be durable of its history is
 * copied into the own log, and its seal behind that, in one batch: a seal is worth nothing without
 * its copies. Shards that are opened at the same time share batch and sync.
 * Order: records are read before the turn, which commits wait for; all who are ready when the turn
 * comes go into it. One failure is everybody's: each is opened again under a new epoch.
 */
import type { Disk, FailpointPhase } from "@skein/journal"
import type { Epoch, Shard, SkeinError } from "@skein/model"
import { skeinError } from "@skein/model"
import type { Holder } from "./ClaimFile.js"
import type { CommitLog } from "./CommitLog.js"
import type { FileTable } from "./FileTable.js"
import type { History, HistoryRecord } from "./History.js"
import { batchAlignBytes, type Paths } from "./Layout.js"
import { readRecord } from "./RecordCodec.js"
import { placeRecord, type RecoveredRecord } from "./RecoveredRecord.js"
import type { Turns } from "./Turns.js"

/** A record is not what it was when the history was read: read that again. */
export class RecordChanged extends Error {
  constructor(
    /** What it is if it stays so. */
    readonly corrupt: SkeinError,
  ) {
    super(corrupt.message)
  }
}

/** Whose history is sealed, and who had the shard before. */
export interface Sealer {
  readonly shard: Shard
  readonly epoch: Epoch
  readonly predecessor: Holder
  /** What it is part of, for failpoints. */
  readonly phase: FailpointPhase
}

interface Waiting {
  readonly by: Sealer
  readonly history: History
  readonly table: FileTable
  readonly copies: ReadonlyMap<HistoryRecord, Buffer>
  readonly done: (records: readonly RecoveredRecord[]) => void
  readonly fail: (error: unknown) => void
}

/** A seal's bytes, at most. */
const sealBytesMax = 256

export class Sealing {
  #waiting: Waiting[] = []

  constructor(
    readonly disk: Disk,
    readonly paths: Paths,
    readonly log: CommitLog,
    readonly turns: Turns,
    /** Hears of a failure of the own log, whoever asked for the seal: the first EIO ends it. */
    readonly notice: (error: unknown) => void,
  ) {}

  /** Resolves with the history's records where they lie now, once the seal is durable. */
  async seal(by: Sealer, history: History, table: FileTable): Promise<readonly RecoveredRecord[]> {
    const copies = new Map<HistoryRecord, Buffer>()
    for (const record of history.records) {
      if (record.volatile) copies.set(record, await this.#readRecord(by.shard, record))
    }
    return new Promise((done, fail) => {
      this.#waiting.push({ by, history, table, copies, done, fail })
      if (this.#waiting.length === 1) void this.turns.run(() => this.#sealAll())
    })
  }

  async #sealAll(): Promise<void> {
    const all = this.#waiting
    this.#waiting = []
    try {
      const sealed: (readonly RecoveredRecord[])[] = []
      for (const one of all) {
        await this.#makeRoom(one)
        sealed.push(this.#add(one))
      }
      await this.log.flush(all[0]?.by.phase)
      for (const [at, { done }] of all.entries()) done(sealed[at])
    } catch (error) {
      this.notice(error)
      for (const { fail } of all) fail(error)
    }
  }

  async #makeRoom({ copies }: Waiting): Promise<void> {
    let bytes = sealBytesMax
    for (const copy of copies.values()) bytes += copy.length
    if (this.log.fits(copies.size + 1, bytes)) return
    await this.log.roll(bytes + batchAlignBytes * copies.size)
  }

  #add({ by, history, table, copies }: Waiting): readonly RecoveredRecord[] {
    const { recordNumber, crc } = history
    const records = history.records.map((from) => {
      const copy = copies.get(from)
      return copy === undefined ? placeRecord(from, table) : this.#copy(by, from, copy, table)
    })
    const { shard, epoch, predecessor } = by
    this.log.addSeal({ shard, epoch, predecessor, recordNumber, crc })
    return records
  }

  #copy(
    { shard, epoch }: Sealer,
    from: HistoryRecord,
    bytes: Buffer,
    table: FileTable,
  ): RecoveredRecord {
    const { record } = from
    const { instance, number, capacity } = this.log.current
    const entry = table.add({ kind: "log", instance, number, bytes: capacity, epoch }, true)
    const frames = record.frames.map((frame) => ({
      offset: frame.offset - record.offset,
      bytes: frame.bytes,
    }))
    const { recordNumber, crc } = record
    const head = { shard, epoch: record.epoch, recordNumber, crc }
    return { from, locations: this.log.addCopy(shard, crc, bytes, frames, entry, head) }
  }

  async #readRecord(shard: Shard, { record, instance }: HistoryRecord): Promise<Buffer> {
    const { segment, offset, bytes } = record
    const path = this.paths.logSegment(instance, segment.number, segment.bytes)
    const file = await this.disk.open(path, "read")
    try {
      const read = await file.read(offset, bytes)
      const copy = Buffer.from(read.buffer, read.byteOffset, read.length)
      if (readRecord(copy)?.crc === record.crc) return copy
      const detail = `${path} at ${offset}: record ${record.recordNumber} changed while it was read`
      throw new RecordChanged(skeinError("ShardCorrupt", detail, { shard, file: path, offset }))
    } finally {
      await file.close()
    }
  }
}
