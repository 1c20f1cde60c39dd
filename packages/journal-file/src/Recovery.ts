/**
 * Owns: opening a shard, in the order of DESIGN.md section 7: take the token; only then read the
 * newest checkpoint and the logs of the former owners, back along their claims; copy what was not
 * known to be durable into the own log together with the seal; sync; look for the token again.
 */
import type { Disk, Location, Ownership, ReplayedFrame } from "@skein/journal"
import type { Epoch, Shard } from "@skein/model"
import { shardName, skeinError } from "@skein/model"
import { CheckpointStore, type StoredCheckpoint } from "./CheckpointStore.js"
import { type Holder, readClaim } from "./ClaimFile.js"
import type { CommitLog } from "./CommitLog.js"
import { FileTable, noteFrame } from "./FileTable.js"
import {
  assembleHistory,
  type History,
  type HistoryRecord,
  type OwnerLog,
  sealOf,
} from "./History.js"
import { genesis, type Paths } from "./Layout.js"
import { locationOf } from "./Location.js"
import type { LogScan } from "./LogScan.js"
import type { LogScans } from "./LogScans.js"
import { readRecord } from "./RecordCodec.js"
import type { Turns } from "./Turns.js"

/** A record with its frames' locations. */
export interface RecoveredRecord {
  readonly from: HistoryRecord
  readonly locations: readonly Location[]
}

export interface Recovered {
  readonly epoch: number
  readonly store: CheckpointStore
  readonly table: FileTable
  readonly checkpointRecord: number
  readonly placements: readonly ReplayedFrame[]
  readonly records: readonly RecoveredRecord[]
  readonly last: { readonly recordNumber: number; readonly crc: number }
  readonly tornBytes: number
  /** Logs of former processes were read: the cleaner can make an end of that. */
  readonly inherits: boolean
}

interface Owner {
  readonly holder: Holder
  readonly scan: LogScan
  readonly log: OwnerLog
}

interface Found {
  readonly checkpoint: StoredCheckpoint | undefined
  readonly all: readonly StoredCheckpoint[]
  readonly owners: readonly Owner[]
}

export class Recovery {
  constructor(
    readonly disk: Disk,
    readonly paths: Paths,
    readonly ownership: Ownership,
    readonly scans: LogScans,
    readonly log: CommitLog,
    readonly turns: Turns,
  ) {}

  async open(shard: Shard): Promise<Recovered> {
    const claim = await this.ownership.claim(shard)
    const store = new CheckpointStore(this.disk, this.paths, shard)
    const found = await this.#find(shard, store, claim.predecessor)
    if (found.checkpoint !== undefined) store.use(found.checkpoint, found.all)
    const header = found.checkpoint?.header
    const base = {
      recordNumber: header?.recordNumber ?? 0,
      crc: header?.crc ?? 0,
      epoch: header?.epoch ?? 0,
    }
    const history = assembleHistory(
      shard,
      base,
      found.owners.map((owner) => owner.log),
    )
    const table = new FileTable()
    for (const file of header?.files ?? []) table.restore(file)
    const predecessor = claim.predecessor ?? { epoch: 0, instance: genesis }
    const records = await this.#seal(shard, claim.epoch, history, table, predecessor)
    if (!this.ownership.holds(shard, claim.epoch)) {
      throw skeinError("Moved", `${shardName(shard)} was taken while it was opened`, { shard })
    }
    for (const { scan } of found.owners) scan.forget(shard)
    return {
      epoch: claim.epoch,
      store,
      table,
      checkpointRecord: base.recordNumber,
      placements: header?.placements ?? [],
      records,
      last: history,
      tornBytes: tornBytes(shard, found.owners),
      inherits: found.owners.some(({ holder }) => holder.instance !== this.ownership.instance),
    }
  }

  /** The checkpoint to begin with, and everybody who served since. */
  async #find(
    shard: Shard,
    store: CheckpointStore,
    predecessor: Holder | undefined,
  ): Promise<Found> {
    const all = await store.list()
    const owners: Owner[] = []
    let holder = predecessor
    // What a later owner has sealed: a checkpoint that covers more was made by one who had lost.
    let sealed = Number.POSITIVE_INFINITY
    while (holder !== undefined && holder.instance !== genesis) {
      const { epoch, instance } = holder
      const scan = await this.scans.read(instance, shard)
      const log: OwnerLog = {
        epoch,
        instance,
        entries: scan.entries(shard),
        damages: [...scan.damages],
        durableBefore: scan.durableBefore,
      }
      owners.unshift({ holder, scan, log })
      const checkpoint = all.find((one) => one.epoch === epoch && isAdmissible(one, sealed))
      if (checkpoint !== undefined) return { checkpoint, all, owners }
      const seal = sealOf(log.entries, epoch)
      sealed = seal?.recordNumber ?? sealed
      holder = seal?.predecessor ?? (await this.#claimed(shard, holder, owners))
    }
    return { checkpoint: undefined, all, owners }
  }

  async #claimed(shard: Shard, holder: Holder, owners: readonly Owner[]): Promise<Holder> {
    const path = this.paths.claim(shard, holder.epoch, holder.instance)
    const predecessor = await readClaim(this.disk, path)
    if (predecessor !== undefined) return predecessor
    const places = owners.flatMap(({ log }) => log.damages.map((damage) => damage.file))
    const where = places.length === 0 ? "" : ` (and ${places[0]} is damaged)`
    throw skeinError("ShardCorrupt", `${path} is missing or damaged${where}`, { shard, file: path })
  }

  /** Copies what is volatile, seals the history, syncs. */
  #seal(
    shard: Shard,
    epoch: number,
    history: History,
    table: FileTable,
    predecessor: Holder,
  ): Promise<RecoveredRecord[]> {
    return this.turns.run(async () => {
      const copies = new Map<HistoryRecord, Buffer>()
      let bytes = 0
      for (const record of history.records) {
        if (!record.volatile) continue
        const copy = await this.#readRecord(shard, record)
        copies.set(record, copy)
        bytes += copy.length
      }
      // Copies and seal lie in one batch: the seal is worth nothing without them.
      const sealBytes = 256
      if (!this.log.fits(copies.size + 1, bytes + sealBytes)) {
        await this.log.roll(bytes + sealBytes + 16 * copies.size)
      }
      const { recordNumber, crc } = history
      const records = history.records.map((from) => {
        const copy = copies.get(from)
        const { record, instance } = from
        if (copy !== undefined) return this.#copy(shard, epoch, from, copy, table)
        const { segment } = record
        const { number, bytes } = segment
        const entry = table.add({ kind: "log", instance, number, bytes, epoch: 0 }, false)
        for (const frame of record.frames) noteFrame(entry, frame.bytes)
        const locations = record.frames.map((frame) => locationOf(entry.id, frame.offset))
        return { from, locations }
      })
      this.log.addSeal({ shard, epoch, recordNumber, crc, predecessor })
      await this.log.flush()
      return records
    })
  }

  #copy(
    shard: Shard,
    epoch: Epoch,
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
      throw skeinError("ShardCorrupt", detail, { shard, file: path, offset })
    } finally {
      await file.close()
    }
  }
}

/** A damaged one is taken, so that it is refused: what it held may be nowhere else. */
const isAdmissible = (stored: StoredCheckpoint, sealed: number): boolean =>
  stored.header === undefined || stored.header.recordNumber <= sealed

const tornBytes = (shard: Shard, owners: readonly Owner[]): number => {
  let bytes = 0
  for (const { scan } of owners) bytes += scan.torn?.bytes.get(shard) ?? 0
  return bytes
}
