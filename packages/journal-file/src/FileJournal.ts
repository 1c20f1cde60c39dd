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
import { type Cleanable, Cleaner } from "./Cleaner.js"
import type { CommitLog } from "./CommitLog.js"
import type { FileMembership } from "./FileMembership.js"
import type { TableEntry } from "./FileTable.js"
import type { FileTableStore } from "./FileTableStore.js"
import type { FrameCache } from "./FrameCache.js"
import type { FrameReader } from "./FrameReader.js"
import type { Paths } from "./Layout.js"
import type { LogScans } from "./LogScans.js"
import { OpenShard } from "./OpenShard.js"
import { recordBytesOf } from "./RecordCodec.js"
import { type Recovered, Recovery } from "./Recovery.js"
import type { Reservation } from "./Reservation.js"
import { replayRecords } from "./replayRecords.js"
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
}

/** A commit's part for one shard, while it is under way. */
interface Going {
  readonly at: number
  readonly shard: OpenShard
  readonly append: ShardAppend
  readonly locations: Location[]
  readonly entries: TableEntry[]
}

const housekeepingMs = 1000
/** Others have to open the shards and publish checkpoints first. */
const tidyEveryLooks = 3
/** How long a pass that left something undone rests before the next. */
const unfinishedLooks = 5

export class FileJournal implements Journal {
  readonly failed: Promise<SkeinError>
  readonly #open = new Map<Shard, OpenShard>()
  readonly #checkpointers = new Map<OpenShard, ShardCheckpointer>()
  readonly #turns = new Turns()
  readonly #recovery: Recovery
  readonly #cleaner: Cleaner
  #fail: (error: SkeinError) => void = () => {}
  #failure: SkeinError | undefined
  #closing: Promise<void> | undefined
  #closings = 0
  #commits = 0
  #committedBytes = 0
  #markedCommits = 0
  #seenCommits = 0
  /** The next look at the house runs the cleaner: logs were inherited, or room was missing. */
  #cleaningDue = false
  /** Looks at the house until the cleaner runs again; 0: it is not asked to. */
  #cleanInLooks = 0
  #stopHousekeeping: () => void = () => {}
  #tidiesDead: boolean
  #looks = 0

  constructor(readonly parts: FileJournalParts) {
    this.#tidiesDead = !parts.shared
    this.failed = new Promise((resolve) => {
      this.#fail = resolve
    })
    const { disk, paths, ownership, scans, log, failpoints } = parts
    this.#recovery = new Recovery(disk, paths, ownership, scans, log, this.#turns, failpoints)
    const cleanable = (shard: Shard): Cleanable | undefined => {
      const open = this.#open.get(shard)
      const checkpointer = open === undefined ? undefined : this.#checkpointers.get(open)
      if (open === undefined || checkpointer === undefined || open.closed) return undefined
      return { shard: open, checkpointer }
    }
    // One that was lost to another process is judged by what that one has stored.
    const openShard = (shard: Shard) => {
      const open = this.#open.get(shard)
      return open?.closed === true ? undefined : open
    }
    const tidiesDead = () => this.#tidiesDead
    this.#cleaner = new Cleaner({
      ...parts,
      closings: () => this.#closings,
      wasFenced: (error) => this.#wasFenced(error),
      cleanable,
      openShard,
      tidiesDead,
    })
    log.onRoll = () => {
      if (log.bytes >= parts.uncleanedBytesMax / 2) void this.#cleanSoon()
    }
    this.#keepHouse()
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
    return this.#tidiesDead
  }
  set tidiesDead(tidies: boolean) {
    this.#tidiesDead = tidies
    this.#cleaningDue ||= tidies
  }

  readonly openShard = async (shard: Shard): Promise<OpenedShard> => {
    this.#refuseShard(shard)
    const former = this.#open.get(shard)
    if (former !== undefined) this.#forget(former)
    try {
      return this.#adopt(shard, await this.#recovery.open(shard))
    } catch (error) {
      throw this.#noticeFailure(error)
    }
  }

  readonly follow = async (shard: Shard): Promise<FollowedShard> => {
    this.#refuseShard(shard)
    const { disk, paths, clock, ownership, scans } = this.parts
    const adopt = (of: Shard, recovered: Recovered) => this.#adopt(of, recovered)
    const recovery = this.#recovery
    const parts = { disk, paths, clock, ownership, scans, recovery, adopt }
    return ShardFollower.open(parts, shard)
  }

  readonly commit = (batch: readonly ShardAppend[]): Promise<readonly CommitResult[]> =>
    this.#turns.run(() => this.#commit(batch))

  readonly reserve = (bytes: number, purpose: "publish" | "settle"): boolean => {
    const taken = this.parts.reservation.take(bytes, purpose)
    if (!taken) this.#cleaningDue = true
    return taken
  }

  readonly unreserve = (bytes: number): void => this.parts.reservation.give(bytes)

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
      await this.#cleaner.run()
      this.#cleanLater()
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
        this.#forget(shard)
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
        this.#forget(shard)
      }
    }
    return results
  }

  /** The next segment; not while the cleaner is behind with copying. */
  async #roll(bytes: number): Promise<void> {
    const { log, uncleanedBytesMax } = this.parts
    if (log.bytes >= uncleanedBytesMax) await this.#cleaner.whenCopied?.catch(() => {})
    await log.roll(bytes)
  }

  /** A pass in the background. On a full disk it gives up a spare file and tries again later. */
  async #cleanSoon(): Promise<void> {
    this.#cleaningDue = false
    try {
      await this.#cleaner.run()
      this.#cleanLater()
    } catch (error) {
      const failure = this.#noticeFailure(error)
      if (failure._tag !== "DiskFull") return
      this.#cleaningDue = true
      await this.parts.log.supply.dropSpare().catch((worse: unknown) => this.#noticeFailure(worse))
    }
  }

  /** What a pass left to rest is looked at again, though no commit may ask for another pass. */
  #cleanLater(): void {
    if (this.#cleaner.isUnfinished) this.#cleanInLooks = unfinishedLooks
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
      this.#forget(shard)
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
      return (await this.#checkpointers.get(shard)?.publish()) ?? false
    } catch (error) {
      const isGone = isMissing(error) && shard.closed
      if (!isGone && !this.#wasFenced(error)) this.#noticeFailure(error)
      return false
    }
  }

  /**
   * Whether a file is missing because a shard has a new owner, who needs it no longer: a process
   * that was stopped finds out in this way too. The shard is closed, nothing has failed.
   */
  #wasFenced(error: unknown): boolean {
    if (!isMissing(error)) return false
    const open = [...this.#open.values()]
    const lost = open.filter(({ shard, epoch }) => !this.parts.ownership.holds(shard, epoch))
    for (const shard of lost) this.#lose(shard)
    return lost.length > 0
  }

  #lose(shard: OpenShard): void {
    shard.lose(skeinError("Moved", `${shardName(shard.shard)} was taken by another process`))
    this.#forget(shard)
  }

  /** The shard is this process's own now. */
  #adopt(shard: Shard, recovered: Recovered): OpenedShard {
    this.#refuseWhenOver()
    const former = this.#open.get(shard)
    if (former !== undefined) this.#forget(former)
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
    this.#open.set(shard, open)
    return this.#handle(open, recovered)
  }

  #handle(open: OpenShard, recovered: Recovered): OpenedShard {
    const { records, placements, tornBytes, inherits, recount } = recovered
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
        this.#checkpointers.set(open, new ShardCheckpointer(disk, paths, ownership, open))
        this.#cleaningDue ||= inherits
      },
      read: (key, location, bytes) =>
        open.read(key, location, bytes).catch((error: unknown) => {
          if (open.closed || this.parts.ownership.holds(open.shard, open.epoch)) throw error
          this.#lose(open)
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
      this.#forget(open)
      return there
    }
    try {
      return await (this.#checkpointers.get(open)?.exclusively(work) ?? work())
    } catch (error) {
      throw this.#whyNotHanded(open, error)
    }
  }

  #whyNotHanded(open: OpenShard, error: unknown): SkeinError {
    const { shard, epoch } = open
    const failure = this.#noticeFailure(error)
    if (failure._tag === "Moved") {
      if (!open.closed) this.#lose(open)
      return failure
    }
    if (failure._tag !== "DiskFull" || !this.parts.ownership.holds(shard, epoch)) return failure
    return skeinError("MoveRefused", `${shardName(shard)}: ${failure.message}`, { shard })
  }

  async #closeShard(open: OpenShard): Promise<void> {
    try {
      if (!open.closed && this.#failure === undefined) {
        await this.#checkpointers.get(open)?.publishFinal()
      }
    } catch (error) {
      if (!this.#wasFenced(error)) this.#noticeFailure(error)
    } finally {
      this.#forget(open)
    }
  }

  #forget(open: OpenShard): void {
    this.#closings++
    open.end()
    const release = () => open.store.release()
    const released = this.#checkpointers.get(open)?.exclusively(release) ?? release()
    void released.catch((error: unknown) => this.#noticeFailure(error))
    this.#checkpointers.delete(open)
    if (this.#open.get(open.shard) === open) this.#open.delete(open.shard)
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
      for (const open of [...this.#open.values()]) open.lose(failure)
      this.#open.clear()
      this.#fail(failure)
    }
    return this.#failure
  }

  #keepHouse(): void {
    const { clock, disk, log, paths, reservation } = this.parts
    this.#stopHousekeeping = clock.setTimer(housekeepingMs, () => {
      if (this.#closing !== undefined || this.#failure !== undefined) return
      const quiet = this.#commits === this.#seenCommits && this.#commits !== this.#markedCommits
      this.#seenCommits = this.#commits
      const work = quiet ? this.#mark() : Promise.resolve()
      void work
        .then(() => this.#tidy())
        .then(() => disk.freeBytes(paths.dir))
        .then((bytes) => {
          reservation.freeBytes = bytes
        })
        .catch((error: unknown) => this.#noticeFailure(error))
        .then(() => this.#keepHouse())
      void this.#turns.run(async () => log.prepareNext())
      if (this.#cleanInLooks > 0 && --this.#cleanInLooks === 0) this.#cleaningDue = true
      if (this.#cleaningDue) void this.#cleanSoon()
    })
  }

  /** Signs of life of dead processes go first: without one a log counts as left behind. */
  async #tidy(): Promise<void> {
    const { disk, membership, paths, shared } = this.parts
    if (!shared || !this.#tidiesDead || ++this.#looks % tidyEveryLooks !== 0) return
    for (const instance of membership.abandoned()) {
      await disk.unlink(paths.aliveFile(instance)).catch((error: unknown) => {
        if (!isMissing(error)) throw error
      })
    }
    this.#cleaningDue ||= (await this.#cleaner.retention.deadInstances()).length > 0
  }

  /** A batch without records says that the one before it is durable: after it, damage is damage. */
  async #mark(): Promise<void> {
    this.#markedCommits = this.#commits
    await this.#turns.run(async () => {
      const { log } = this.parts
      if (!log.fits(1, log.markBytes)) await log.roll(log.markBytes)
      log.addMark()
      await log.flush()
    })
  }

  async #close(): Promise<void> {
    const { log, alive, reader, scans, membership, tables } = this.parts
    this.#stopHousekeeping()
    tables.close()
    await this.#cleaner.stop()
    for (const open of [...this.#open.values()]) await this.#closeShard(open)
    await this.#cleaner.letGo().catch((error: unknown) => this.#noticeFailure(error))
    await this.#turns.run(async () => {})
    if (this.#failure === undefined) {
      await this.#mark().catch((error: unknown) => this.#noticeFailure(error))
    }
    scans.close()
    await reader.handles.close()
    await log.close().catch((error: unknown) => this.#noticeFailure(error))
    await membership.close()
    await alive.close().catch((error: unknown) => this.#noticeFailure(error))
  }
}

const refused = (shard: Shard, error: SkeinError): CommitResult => ({
  _tag: "Refused",
  shard,
  error,
})
