/**
 * Owns: opening a shard, in the order of DESIGN.md section 7: take the token; only then read the
 * newest checkpoint and the logs of the former owners, back along their claims; copy what was not
 * known to be durable into the own log together with the seal; sync; look for the token again.
 */
import {
  type Claim,
  type Disk,
  type FailpointPhase,
  type Failpoints,
  type Location,
  noFailpoints,
  type Ownership,
  type ReplayedFrame,
  type ShardTenant,
} from "@skein/journal"
import type { Epoch, Shard } from "@skein/model"
import { shardName, skeinError } from "@skein/model"
import { CheckpointStore } from "./CheckpointStore.js"
import type { Holder } from "./ClaimFile.js"
import type { CommitLog } from "./CommitLog.js"
import { FileTable, noteFrame, refPath } from "./FileTable.js"
import type { History, HistoryRecord } from "./History.js"
import { genesis, type Paths } from "./Layout.js"
import { locationOf } from "./Location.js"
import type { LogScans } from "./LogScans.js"
import { findOwners, historyOf, tornBytes } from "./OwnerChain.js"
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
  /** Makes counts right that only the tenant can know. */
  readonly recount?: (tenant: ShardTenant) => void
}

/** What a new owner takes over, and from whom. */
interface Sealing {
  readonly shard: Shard
  readonly epoch: Epoch
  readonly history: History
  readonly table: FileTable
  readonly predecessor: Holder
}

export class Recovery {
  constructor(
    readonly disk: Disk,
    readonly paths: Paths,
    readonly ownership: Ownership,
    readonly scans: LogScans,
    readonly log: CommitLog,
    readonly turns: Turns,
    readonly failpoints: Failpoints = noFailpoints,
  ) {}

  async open(shard: Shard): Promise<Recovered> {
    const claim = await this.ownership.claim(shard)
    try {
      return await this.#recover(claim)
    } catch (error) {
      // Whoever has it now sweeps files that were read here.
      if (this.ownership.holds(shard, claim.epoch)) throw error
      throw skeinError("Moved", `${shardName(shard)} was taken while it was opened`, { shard })
    }
  }

  async #recover(claim: Claim): Promise<Recovered> {
    const { shard } = claim
    const store = new CheckpointStore(this.disk, this.paths, shard)
    const { disk, paths, scans } = this
    const found = await findOwners({ disk, paths, scans }, shard, store, claim.predecessor)
    if (found.checkpoint !== undefined) store.use(found.checkpoint, found.all)
    const header = found.checkpoint?.header
    const history = historyOf(shard, found)
    const table = new FileTable()
    for (const file of header?.files ?? []) {
      const path = refPath(paths, shard, file.ref)
      if (!disk.existsSync(path)) {
        const detail = `${path} is missing, ${found.checkpoint?.path} points into it`
        throw skeinError("ShardCorrupt", detail, { shard, file: path })
      }
      table.restore(file)
    }
    const predecessor = claim.predecessor ?? { epoch: 0, instance: genesis }
    this.failpoints.hit("takeover.read")
    const sealing = { shard, epoch: claim.epoch, history, table, predecessor }
    const records = await this.seal(sealing, "takeover")
    if (!this.ownership.holds(shard, claim.epoch)) {
      throw skeinError("Moved", `${shardName(shard)} was taken while it was opened`, { shard })
    }
    this.failpoints.hit("takeover.checked")
    for (const { scan } of found.owners) scan.forget(shard)
    return {
      epoch: claim.epoch,
      store,
      table,
      checkpointRecord: header?.recordNumber ?? 0,
      placements: header?.placements ?? [],
      records,
      last: history,
      tornBytes: tornBytes(shard, found.owners),
      inherits: found.owners.some(({ holder }) => holder.instance !== this.ownership.instance),
    }
  }

  /** Copies what is volatile, seals the history, syncs. Answers the history's records. */
  seal(
    { shard, epoch, history, table, predecessor }: Sealing,
    phase: FailpointPhase,
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
        if (copy !== undefined) return this.#copy(shard, epoch, from, copy, table)
        return placeRecord(from, table)
      })
      this.log.addSeal({ shard, epoch, recordNumber, crc, predecessor })
      await this.log.flush(phase)
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

/** A record that stays where it is, in the log of a former owner. */
export const placeRecord = (from: HistoryRecord, table: FileTable): RecoveredRecord => {
  const { record, instance } = from
  const { number, bytes } = record.segment
  const entry = table.add({ kind: "log", instance, number, bytes, epoch: 0 }, false)
  for (const frame of record.frames) noteFrame(entry, frame.bytes)
  const locations = record.frames.map((frame) => locationOf(entry.id, frame.offset))
  return { from, locations }
}
