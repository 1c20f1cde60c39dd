/**
 * Owns: the Journal port on files: which shards are open, the order of commits, openings and marks,
 * and what happens when the disk fails.
 * Must not know: what records and chunks mean.
 * The commit: add all records, one write, one fdatasync, then without an await in between the look
 * at each shard's token. Whoever finds its token gone is closed without a reply.
 * The first EIO ends everything: nothing is confirmed any more, nothing is repeated.
 * Shutdown order: cleaner, shards (with their checkpoints), last mark, log, sign of life.
 */

import type {
  CommitResult,
  Disk,
  Failpoints,
  FollowedShard,
  Journal,
  JournalStatus,
  Location,
  ManagerToken,
  Membership,
  OpenedShard,
  Ownership,
  ShardAppend,
  TableStore,
} from "@skein/journal"
import { DiskFailed, isMissing } from "@skein/journal"
import type { Clock, Epoch, FabricId, InstanceId, Shard, SkeinError } from "@skein/model"
import { isSkeinError, limits, shardName, skeinError } from "@skein/model"
import type { AliveFile } from "./AliveFile.js"
import { Cleaner } from "./Cleaner.js"
import type { CommitLog } from "./CommitLog.js"
import type { FileMembership } from "./FileMembership.js"
import type { TableEntry } from "./FileTable.js"
import type { FileTableStore } from "./FileTableStore.js"
import type { FrameCache } from "./FrameCache.js"
import type { FrameReader } from "./FrameReader.js"
import { Housekeeping } from "./Housekeeping.js"
import type { Paths } from "./Layout.js"
import type { LogScans } from "./LogScans.js"
import { OpenShard } from "./OpenShard.js"
import { OpenShards } from "./OpenShards.js"
import { recordBytesOf } from "./RecordCodec.js"
import { type Recovered, Recovery } from "./Recovery.js"
import { type Reservation, uncleanedTimesMax } from "./Reservation.js"
import { replayRecords } from "./replayRecords.js"
import { Sealing } from "./Sealing.js"
import { ShardCheckpointer } from "./ShardCheckpointer.js"
import { ShardFollower } from "./ShardFollower.js"
import { Turns } from "./Turns.js"

export interface FileJournalParts {
  readonly disk: Disk
  readonly paths: Paths
  readonly clock: Clock
  readonly fabricId: FabricId
  readonly instance: InstanceId
  readonly shards: number
  readonly ownership: Ownership
  readonly log: CommitLog
  readonly cache: FrameCache
  readonly reader: FrameReader
  readonly reservation: Reservation
  readonly alive: AliveFile
  readonly membership: FileMembership
  readonly tables: FileTableStore
  readonly managerToken: ManagerToken
  /** Other processes may use the directory too. */
  readonly shared: boolean
  readonly scans: LogScans
  /** Commits wait for the cleaner beyond so many bytes; at half of it the cleaner begins. */
  readonly uncleanedBytesMax: number
  readonly segmentBytes: number
  readonly freeBytesKept: number
  readonly failpoints: Failpoints
  /** A shard is closed well only with a checkpoint of it: the log does not hold all of it. */
  readonly isRestoring: boolean
}

/** A commit's part for one shard, while it is under way. */
interface Going {
  readonly at: number
  readonly shard: OpenShard
  readonly append: ShardAppend
  readonly locations: Location[]
  readonly entries: TableEntry[]
}

export class FileJournal implements Journal {
  readonly failed: Promise<SkeinError>
  readonly #open: OpenShards
  readonly #turns = new Turns()
  readonly #sealing: Sealing
  readonly #recovery: Recovery
  readonly #cleaner: Cleaner
  #fail: (error: SkeinError) => void = () => {}
  #failure: SkeinError | undefined
  #closing: Promise<void> | undefined
  #commits = 0
  #committedBytes = 0
  readonly #house: Housekeeping

  constructor(readonly parts: FileJournalParts) {
    this.failed = new Promise((resolve) => {
      this.#fail = resolve
    })
    const { disk, paths, ownership, scans, log, failpoints } = parts
    const notice = (error: unknown) => this.#noticeFailure(error)
    const open = new OpenShards(ownership, notice)
    this.#open = open
    this.#sealing = new Sealing(disk, paths, log, this.#turns, notice)
    this.#recovery = new Recovery(disk, paths, ownership, scans, this.#sealing, failpoints)
    this.#cleaner = new Cleaner({
      ...parts,
      closings: () => open.closings,
      wasFenced: (error) => open.wasFenced(error),
      cleanable: (shard) => open.cleanable(shard),
      openShard: (shard) => open.serving(shard),
      tidiesDead: () => this.tidiesDead,
    })
    this.#house = new Housekeeping({
      ...parts,
      cleaner: this.#cleaner,
      turns: this.#turns,
      commits: () => this.#commits,
      isOver: () => this.#closing !== undefined || this.#failure !== undefined,
      notice,
    })
    log.onRoll = () => {
      // Where the bound is of a few segments only, one that rests is too much of it.
      const { segmentBytes, uncleanedBytesMax } = parts
      const spares = segmentBytes * 4 <= uncleanedBytesMax
      if (log.bytes >= uncleanedBytesMax / 2) void this.#house.cleanSoon(spares)
    }
    this.#house.start()
  }

  get fabricId(): FabricId {
    return this.parts.fabricId
  }
  get instance(): InstanceId {
    return this.parts.instance
  }
  /** How many shards the fabric has. */
  get shards(): number {
    return this.parts.shards
  }
  get ownership(): Ownership {
    return this.parts.ownership
  }
  /** Who uses the directory; of one that is not shared, this process alone. */
  get membership(): Membership {
    return this.parts.membership
  }
  get tables(): TableStore {
    return this.parts.tables
  }
  get failpoints(): Failpoints {
    return this.parts.failpoints
  }
  get managerToken(): ManagerToken {
    return this.parts.managerToken
  }

  /**
   * Whether this process removes signs of life and logs of processes that are dead for certain,
   * once their shards have moved: one process of a fabric does. Default: only when it is alone.
   */
  get tidiesDead(): boolean {
    return this.#house.tidiesDead
  }
  set tidiesDead(tidies: boolean) {
    this.#house.tidiesDead = tidies
  }

  readonly openShard = async (shard: Shard): Promise<OpenedShard> => {
    this.#refuseShard(shard)
    const former = this.#open.get(shard)
    if (former !== undefined) this.#open.forget(former)
    try {
      return this.#adopt(shard, await this.#recovery.open(shard))
    } catch (error) {
      throw this.#noticeFailure(error)
    }
  }

  readonly follow = async (shard: Shard): Promise<FollowedShard> => {
    this.#refuseShard(shard)
    const { disk, paths, clock, ownership, scans, failpoints } = this.parts
    const adopt = (of: Shard, recovered: Recovered) => this.#adopt(of, recovered)
    const sealing = this.#sealing
    const parts = { disk, paths, clock, ownership, scans, sealing, failpoints, adopt }
    return ShardFollower.open(parts, shard)
  }

  readonly commit = (batch: readonly ShardAppend[]): Promise<readonly CommitResult[]> =>
    this.#turns.run(() => this.#commit(batch))

  readonly reserve = (bytes: number, purpose: "publish" | "settle"): boolean => {
    const taken = this.parts.reservation.take(bytes, purpose)
    if (!taken) this.#house.cleaningDue = true
    return taken
  }

  readonly unreserve = (bytes: number): void => this.parts.reservation.give(bytes)

  readonly noRoom = (bytes: number, purpose: "publish" | "settle"): SkeinError =>
    this.parts.reservation.refusal(bytes, purpose)

  readonly status = (): JournalStatus => ({
    driver: "file",
    durability: "fdatasync",
    uncleanedBytes: this.parts.log.bytes,
    freeBytes: this.parts.reservation.freeBytes,
    commits: this.#commits,
    committedBytes: this.#committedBytes,
  })

  /** Makes room now: resolves when a whole pass of the cleaner has ended. */
  readonly clean = async (): Promise<void> => {
    this.#refuseWhenOver()
    try {
      await this.#house.clean()
    } catch (error) {
      throw this.#noticeFailure(error)
    }
  }

  readonly close = (): Promise<void> => {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #commit(batch: readonly ShardAppend[]): Promise<readonly CommitResult[]> {
    const results = new Array<CommitResult>(batch.length)
    const going: Going[] = []
    for (let at = 0; at < batch.length; at++) {
      const append = batch[at]
      const shard = this.#open.get(append.shard)
      if (this.#failure !== undefined) results[at] = refused(append.shard, this.#failure)
      else if (shard === undefined || shard.epoch !== append.epoch || shard.closed) {
        results[at] = { _tag: "Fenced", shard: append.shard }
      } else if (append.records.some((record) => recordBytesOf(record) > limits.recordBytesMax)) {
        const detail = `a record of more than recordBytesMax = ${limits.recordBytesMax} bytes`
        results[at] = refused(append.shard, skeinError("LimitExceeded", detail))
        this.#open.forget(shard)
      } else going.push({ at, shard, append, locations: [], entries: [] })
    }
    try {
      for (const part of going) {
        for (const record of part.append.records) {
          const bytes = recordBytesOf(record)
          if (!this.parts.log.fits(1, bytes)) await this.#roll(bytes)
          this.#addRecord(part, record)
        }
      }
      const { failpoints, log } = this.parts
      failpoints.hit("commit.gathered")
      await log.flush("commit")
      // No await from here on: the look at the token comes after the sync, the reply after it.
      for (const part of going) results[part.at] = this.#confirm(part)
      this.#commits++
      failpoints.hit("commit.checked")
    } catch (error) {
      const failure = this.#noticeFailure(error)
      for (const { at, shard } of going) {
        results[at] = refused(shard.shard, failure)
        this.#open.forget(shard)
      }
    }
    return results
  }

  /**
   * The next segment; not while the cleaner is behind with copying, and none while it gets nowhere:
   * the log would fill the disk, and no takeover would come to its end.
   */
  async #roll(bytes: number): Promise<void> {
    const { log, reservation, uncleanedBytesMax } = this.parts
    if (log.bytes >= uncleanedBytesMax) await this.#cleaner.whenCopied?.catch(() => {})
    if (log.bytes >= uncleanedTimesMax.roll * uncleanedBytesMax) {
      this.#house.cleaningDue = true
      throw reservation.refusal(bytes, "settle")
    }
    await log.roll(bytes)
  }

  #addRecord(part: Going, record: ShardAppend["records"][number]): void {
    const { shard, locations } = part
    const { log } = this.parts
    const entry = shard.entryOf(log.current)
    const recordNumber = shard.lastRecord + 1
    const head = { shard: shard.shard, epoch: shard.epoch, recordNumber }
    const crc = log.addRecord(head, shard.lastCrc, record, entry, locations)
    shard.noteRecord(recordNumber, crc, record.events.length)
    part.entries.push(entry)
  }

  #confirm({ shard, append, locations, entries }: Going): CommitResult {
    if (!this.parts.ownership.holds(shard.shard, shard.epoch)) {
      this.#open.forget(shard)
      return { _tag: "Fenced", shard: shard.shard }
    }
    let at = 0
    let bytes = 0
    let recordNumber = shard.durableRecord
    if (append.records.length > 0) shard.noteCommit(recordNumber)
    for (let index = 0; index < append.records.length; index++) {
      const record = append.records[index]
      recordNumber++
      for (const frame of record.frames) {
        shard.noteFrame(recordNumber, entries[index], locations[at++], frame)
      }
      bytes += recordBytesOf(record)
    }
    this.#committedBytes += bytes
    shard.noteDurable(shard.lastRecord)
    if (shard.eventsBytes >= limits.checkpointEveryBytes) this.#checkpointSoon(shard)
    return {
      _tag: "Committed",
      shard: shard.shard,
      recordNumber: shard.durableRecord,
      locations,
    }
  }

  #checkpointSoon(shard: OpenShard): void {
    shard.eventsBytes = 0
    void this.#checkpoint(shard)
  }

  async #checkpoint(shard: OpenShard): Promise<boolean> {
    try {
      return (await this.#open.checkpointer(shard)?.publish()) ?? false
    } catch (error) {
      const isGone = isMissing(error) && shard.closed
      if (!isGone && !this.#open.wasFenced(error)) this.#noticeFailure(error)
      return false
    }
  }

  /** The shard is this process's own now. */
  #adopt(shard: Shard, recovered: Recovered): OpenedShard {
    this.#refuseWhenOver()
    const { paths, reader, cache } = this.parts
    const { epoch, table, store, last, checkpointRecord } = recovered
    const open = new OpenShard(
      shard,
      epoch,
      table,
      store,
      reader,
      cache,
      paths,
      last,
      checkpointRecord,
    )
    open.inherits = recovered.inherits
    this.#open.add(open)
    return this.#handle(open, recovered)
  }

  #handle(open: OpenShard, recovered: Recovered): OpenedShard {
    const { records, placements, tornBytes, passedOver, inherits, recount } = recovered
    const { disk, paths, ownership, clock } = this.parts
    return {
      shard: open.shard,
      epoch: open.epoch,
      tornBytes,
      checkpoint: {
        recordNumber: open.checkpointRecord,
        chunks: open.store.chunks(),
        placements,
      },
      records: replayRecords(records, clock),
      attach: (tenant) => {
        if (open.closed) return
        open.tenant = tenant
        recount?.(tenant)
        for (const what of passedOver) tenant.damaged?.(what)
        this.#open.attach(open, new ShardCheckpointer(disk, paths, ownership, open))
        this.#house.cleaningDue ||= inherits
      },
      read: (key, location, bytes) =>
        open.read(key, location, bytes).catch((error: unknown) => {
          if (open.closed || this.parts.ownership.holds(open.shard, open.epoch)) throw error
          this.#open.lose(open)
          throw skeinError("Moved", `${shardName(open.shard)} was taken by another process`)
        }),
      release: open.release,
      close: () => this.#closeShard(open),
      handTo: (to) => this.#handTo(open, to),
    }
  }

  /**
   * The note and the rename. No checkpoint is written and nothing is swept meanwhile: what the
   * other finds must stay. A commit that comes all the same finds its token gone.
   */
  async #handTo(open: OpenShard, to: InstanceId): Promise<Epoch> {
    this.#refuseWhenOver()
    const { shard, epoch } = open
    const { ownership } = this.parts
    const work = async (): Promise<Epoch> => {
      if (open.closed || !ownership.holds(shard, epoch)) {
        throw skeinError("Moved", `${shardName(shard)} is not open here`, { shard })
      }
      const { lastRecord: recordNumber, lastCrc: crc } = open
      if (recordNumber !== open.durableRecord) {
        throw skeinError("MoveRefused", `a commit of ${shardName(shard)} is under way`, { shard })
      }
      const there = await ownership.hand({ shard, epoch, to, recordNumber, crc })
      this.#open.forget(open)
      return there
    }
    try {
      return await (this.#open.checkpointer(open)?.exclusively(work) ?? work())
    } catch (error) {
      throw this.#whyNotHanded(open, error)
    }
  }

  #whyNotHanded(open: OpenShard, error: unknown): SkeinError {
    const { shard, epoch } = open
    const failure = this.#noticeFailure(error)
    if (failure._tag === "Moved") {
      if (!open.closed) this.#open.lose(open)
      return failure
    }
    if (failure._tag !== "DiskFull" || !this.parts.ownership.holds(shard, epoch)) return failure
    return skeinError("MoveRefused", `${shardName(shard)}: ${failure.message}`, { shard })
  }

  async #closeShard(open: OpenShard): Promise<void> {
    try {
      if (!open.closed && this.#failure === undefined) {
        const isStored = await this.#open.checkpointer(open)?.publishFinal()
        if (this.parts.isRestoring && isStored !== true) throw notStored(open.shard)
      }
    } catch (error) {
      if (this.#open.wasFenced(error)) return
      const failure = this.#noticeFailure(error)
      if (this.parts.isRestoring) throw failure
    } finally {
      this.#open.forget(open)
    }
  }

  #refuseShard(shard: Shard): void {
    this.#refuseWhenOver()
    if (Number.isInteger(shard) && shard >= 0 && shard < this.shards) return
    throw skeinError("ShardUnavailable", `the fabric has no ${shardName(shard)}`, { shard })
  }

  #refuseWhenOver(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#closing !== undefined) throw skeinError("FabricClosed", "the journal is closed")
  }

  /** The error as callers may see it. A disk that failed ends the journal; a full one does not. */
  #noticeFailure(error: unknown): SkeinError {
    if (isSkeinError(error)) return error
    if (this.#failure === undefined) {
      const what = error instanceof DiskFailed ? "the disk failed" : "the journal failed"
      const detail = `${what}, nothing more is confirmed: ${String(error)}`
      const failure = skeinError("FabricClosed", detail, {}, { cause: error })
      this.#failure = failure
      this.#open.loseAll(failure)
      this.#fail(failure)
    }
    return this.#failure
  }

  async #close(): Promise<void> {
    const { log, alive, reader, scans, membership, tables } = this.parts
    this.#house.stop()
    tables.close()
    await this.#cleaner.stop()
    for (const open of this.#open.all) {
      await this.#closeShard(open).catch((error: unknown) => this.#noticeFailure(error))
    }
    await this.#cleaner.letGo().catch((error: unknown) => this.#noticeFailure(error))
    await this.#turns.run(async () => {})
    if (this.#failure === undefined) {
      await this.#house.mark().catch((error: unknown) => this.#noticeFailure(error))
    }
    scans.close()
    await reader.handles.close()
    await log.close().catch((error: unknown) => this.#noticeFailure(error))
    await membership.close()
    await alive.close().catch((error: unknown) => this.#noticeFailure(error))
  }
}

const notStored = (shard: Shard): SkeinError =>
  skeinError("ShardUnavailable", `no checkpoint of ${shardName(shard)} could be stored`, { shard })

const refused = (shard: Shard, error: SkeinError): CommitResult => ({
  _tag: "Refused",
  shard,
  error,
})
