/**
 * Owns: making room: live frames are copied out of log segments into segments of their shards,
 * checkpoints make the log's records needless, then the log's files are given back. Segments of a
 * shard that are under half live are copied on in the same way. So are frames in the log of another
 * process, dead or alive: a living one cannot give its file back while a checkpoint of a shard that
 * has moved names it. Nobody touches another's files, but for one process that tidies up: logs of
 * dead processes go when no shard's claims or checkpoints name them any more.
 * The tenant says what is live: counts that are hints only choose what to look at. Counts that are
 * exact spare the reading of what has no live frames, and bar the loss of frames whose place the
 * tenant has not heard yet.
 * Order: copies synced, tenants told, the file leaves the shard's table, checkpoint durable, token
 * seen, the file is deleted. A crash anywhere leaves files that are not named, no more.
 * Commits wait for the copying (not for the checkpoints, which wait for commits) when more than the
 * limit is uncleaned.
 * Damage: what is whole behind it is copied all the same. Bytes of a log that are damaged, and may
 * hold frames that a shard wants, are kept as they are, each at its old offset, in a file of that
 * shard which takes the log file's place in its table. So nothing is lost that a person could
 * save, every location stays true (whole frames among those bytes can still be read, a damaged one
 * is refused by itself when it is read), and the log's file goes: it holds up no other shard, and
 * the log has no hole. The shard is not closed: its other queues can be served. The tenant is told.
 */
import type { Disk, Ownership } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Clock, InstanceId, Shard } from "@skein/model"
import { isSkeinError, shardName, skeinError } from "@skein/model"
import type { CommitLog } from "./CommitLog.js"
import { fileKey, type LogRef, refPath, type TableEntry } from "./FileTable.js"
import { FileWindow } from "./FileWindow.js"
import { FrameMover } from "./FrameMover.js"
import type { FrameReader } from "./FrameReader.js"
import { type Paths, segmentSalt } from "./Layout.js"
import { locationOf } from "./Location.js"
import { type DamagedBytes, LogCopy, type Movers } from "./LogCopy.js"
import type { LastRecord, LogSegment } from "./LogSegment.js"
import type { OpenShard } from "./OpenShard.js"
import { frameHeaderBytes, frameIsIntact, readFrameHeader } from "./RecordCodec.js"
import { isCovered, Retention } from "./Retention.js"
import { SegmentReader } from "./SegmentReader.js"
import type { ShardCheckpointer } from "./ShardCheckpointer.js"
import { ShardSegment } from "./ShardSegment.js"

/** Logs of other processes that one pass looks at. */
const foreignAtOnce = 4

/** A shard with all that the cleaner needs of it. */
export interface Cleanable {
  readonly shard: OpenShard
  readonly checkpointer: ShardCheckpointer
}

export interface CleanerParts {
  readonly disk: Disk
  readonly paths: Paths
  readonly clock: Clock
  readonly instance: InstanceId
  readonly ownership: Ownership
  readonly log: CommitLog
  readonly reader: FrameReader
  readonly shards: number
  /** The size at which a shard begins another segment. */
  readonly segmentBytes: number
  /** Free bytes that are left to the cleaner by commits and new segments. */
  readonly freeBytesKept: number
  /** Whether this process removes what dead ones have left. */
  readonly tidiesDead: () => boolean
  /** Closes shards that another process has taken; `true`: that explains the failure. */
  readonly wasFenced: (error: unknown) => boolean
  /** How many shards have been closed so far. */
  readonly closings: () => number
  /** The shard if it is open and its tenant attached. */
  readonly cleanable: (shard: Shard) => Cleanable | undefined
  /** The shard if it is open, attached or not. */
  readonly openShard: (shard: Shard) => OpenShard | undefined
}

/** A file under one of the ids that a shard has for it. */
interface Place {
  readonly shard: OpenShard
  readonly entry: TableEntry
}

interface SparseLook {
  readonly liveBytes: number
  /** Passes in a row that left it alone. */
  readonly skipped: number
  /** It is damaged: nothing more can be copied out of it. */
  readonly damaged?: boolean
}

/** What is looked through, and of an own segment where it ends and what it holds. */
interface LogPart {
  readonly ref: LogRef
  readonly own?: LogSegment
}

/** A sparse segment that is being consumed is left alone for so many passes in a row. */
const sparseSkipsMax = 3

export class Cleaner {
  readonly #segments = new Map<OpenShard, ShardSegment>()
  #pass: Promise<void> | undefined
  #copying: Promise<void> | undefined
  #again = false
  /** Also the youngest sealed segment of the log: more room is wanted than the log's bound. */
  #isThorough = false
  #stopped = false
  /** Of sparse segments, when they were last looked at. */
  readonly #sparse = new WeakMap<TableEntry, SparseLook>()
  #unfinished = false

  readonly retention: Retention

  constructor(readonly parts: CleanerParts) {
    this.retention = new Retention(parts)
  }

  /** Resolves when no frames are being copied. */
  get whenCopied(): Promise<void> | undefined {
    return this.#copying
  }

  /** The last pass left something that another one, a while later, can make an end of. */
  get isUnfinished(): boolean {
    return this.#unfinished
  }

  /**
   * Runs a pass, or one more after the one that runs. Rejects when the disk fails or is full.
   * `sparesYoungest`: what the log has sealed last stays as it is, for a queue that is kept up with
   * will have settled it when the next is sealed: then nothing of it is read or copied.
   */
  run(sparesYoungest = false): Promise<void> {
    this.#isThorough ||= !sparesYoungest
    if (this.#pass !== undefined) {
      this.#again = true
      return this.#pass
    }
    this.#pass = this.#passes().finally(() => {
      this.#pass = undefined
    })
    return this.#pass
  }

  /** Ends after the step that is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#pass?.catch(() => {})
  }

  /** Lets go of the files that shards were copied into that have ended since. Not in a pass. */
  async letGo(): Promise<void> {
    for (const [shard, segment] of this.#segments) {
      if (!shard.closed) continue
      this.#segments.delete(shard)
      await segment.abandon()
    }
  }

  async #passes(): Promise<void> {
    const tried = new Set<InstanceId>()
    do {
      this.#again = false
      await this.letGo()
      const closings = this.parts.closings()
      try {
        await this.#runOnce(tried)
      } catch (error) {
        // A shard that another process has meanwhile: its owner needs the file no longer. Judged
        // here, once for all who wait for the pass.
        const isGone = isMissing(error) && closings !== this.parts.closings()
        if (!isGone && !this.parts.wasFenced(error)) throw error
        this.#again = true
      }
    } while (this.#again && !this.#stopped)
  }

  async #runOnce(tried: Set<InstanceId>): Promise<void> {
    const sealed = this.parts.log.segments.filter((segment) => segment.sealed)
    if (!this.#isThorough) sealed.pop()
    this.#isThorough = false
    const foreign = await this.#someForeign(tried)
    const touched = new Set<OpenShard>()
    this.#unfinished = false
    // On a full disk what could be copied still makes room: the pass goes on with that.
    let full: unknown
    this.#copying = this.#copyAll(sealed, foreign, touched)
      .catch((error: unknown) => {
        if (!isSkeinError(error)) throw error
        full = error
      })
      .finally(() => {
        this.#copying = undefined
      })
    await this.#copying
    await this.#checkpointAll(sealed, foreign, touched)
    for (const segment of sealed) {
      if (this.#stopped || !(await this.retention.isNeedless(segment))) break
      this.parts.log.segments.shift()
      this.parts.reader.forget(segment.path)
      await this.parts.log.supply.giveBack(segment)
    }
    if (this.parts.tidiesDead()) await this.#removeDead(foreign)
    if (full !== undefined) throw full
  }

  async #removeDead(foreign: readonly InstanceId[]): Promise<void> {
    const dead = await this.retention.deadInstances()
    for (const instance of foreign) {
      if (this.#stopped || !dead.includes(instance)) continue
      if (!(await this.retention.isNamed(instance))) await this.retention.removeLog(instance)
    }
  }

  /**
   * A few logs of other processes at a time, each once: a process that is killed again and again
   * must get some of them out of the way in each of its lives.
   */
  async #someForeign(tried: Set<InstanceId>): Promise<InstanceId[]> {
    const all = new Set(this.parts.tidiesDead() ? await this.retention.deadInstances() : [])
    for (const { instance } of this.#foreignRefs()) all.add(instance)
    const left = [...all].filter((name) => !tried.has(name))
    const some = left.slice(0, foreignAtOnce)
    for (const instance of some) tried.add(instance)
    this.#again ||= left.length > some.length
    return some
  }

  /** Segments of others' logs that open shards have frames in, oldest first. */
  #foreignRefs(): LogRef[] {
    const refs = new Map<string, LogRef>()
    for (const { shard } of this.#cleanables()) {
      for (const { ref } of shard.table.entries) {
        if (ref.kind === "log" && ref.instance !== this.parts.instance) refs.set(fileKey(ref), ref)
      }
    }
    return [...refs.values()].sort((a, b) => a.number - b.number)
  }

  async #copyAll(
    sealed: readonly LogSegment[],
    foreign: readonly InstanceId[],
    touched: Set<OpenShard>,
  ): Promise<void> {
    for (const own of sealed) {
      const { instance, number, capacity } = own
      const ref: LogRef = { kind: "log", instance, number, bytes: capacity }
      await this.#checkRoom(ref)
      await this.#emptyLogSegment({ ref, own }, touched)
    }
    for (const ref of this.#foreignRefs()) {
      if (foreign.includes(ref.instance)) await this.#emptyLogSegment({ ref }, touched)
    }
    for (const { shard } of this.#cleanables()) await this.#rewriteSparse(shard, touched)
  }

  /** Copies must leave room for the checkpoints that make them count. */
  async #checkRoom(ref: LogRef): Promise<void> {
    let live = 0
    for (const { shard } of this.#cleanables()) {
      for (const entry of shard.table.findFile(ref)) live += Math.max(0, entry.liveBytes)
    }
    const { disk, paths, freeBytesKept } = this.parts
    const free = await disk.freeBytes(paths.dir)
    if (live === 0 || free - live >= freeBytesKept / 3) return
    throw skeinError("DiskFull", `${free} bytes are free, ${live} have to be copied`)
  }

  #cleanables(): Cleanable[] {
    const all: Cleanable[] = []
    for (let shard = 0; shard < this.parts.shards; shard++) {
      const cleanable = this.parts.cleanable(shard)
      if (cleanable !== undefined) all.push(cleanable)
    }
    return all
  }

  /**
   * Copies what is live in a log segment and takes the file from the tables of the shards that were
   * open at the beginning: one that is opened meanwhile has frames that nobody has looked at.
   */
  async #emptyLogSegment(part: LogPart, touched: Set<OpenShard>): Promise<void> {
    const places = this.#cleanables().flatMap(({ shard }) =>
      shard.table.findFile(part.ref).map((entry) => ({ shard, entry })),
    )
    // Nobody who is open has a frame in it: nothing to copy, and no need to read it.
    if (places.length === 0) return
    const movers = this.#moversFor(places)
    if (movers.size === 0) return this.#leave(places, touched)
    const { ref, own } = part
    const path = refPath(this.parts.paths, 0, ref)
    const salt = segmentSalt(ref.instance, ref.number)
    const reader = await SegmentReader.open(this.parts.disk, path, salt, ref.bytes)
    const all = [...movers.values()].flat()
    try {
      const isFollowed = () => this.retention.isFollowed(ref)
      const copy = new LogCopy(reader, movers, own?.position, isFollowed, () => this.#stopped)
      await copy.run()
      await this.#finish(all, touched)
      if (this.#stopped) return
      const hurt = new Map(places.map((place) => [place, damageOf(place, copy.damaged)]))
      this.#leave(
        [...hurt.keys()].filter((place) => hurt.get(place)?.length === 0),
        touched,
      )
      for (const [place, damaged] of hurt) {
        if (damaged.length > 0) await this.#keepDamaged(place, damaged, reader, own, touched)
      }
    } catch (error) {
      for (const mover of all) {
        await mover.giveUp(error)
        touched.add(mover.shard)
      }
      throw error
    } finally {
      await reader.close()
    }
  }

  /**
   * The rest of what the shard has in the segment lies in bytes that are damaged. Not before the
   * tenant has heard where all its frames of the segment are: one of those may be whole.
   */
  async #keepDamaged(
    { shard, entry }: Place,
    damaged: readonly DamagedBytes[],
    reader: SegmentReader,
    own: LogSegment | undefined,
    touched: Set<OpenShard>,
  ): Promise<void> {
    if (this.#stopped || shard.closed) return
    if (entry.exact && !hasHeard(shard, own?.lastRecords.get(shard.shard))) {
      this.#unfinished = true
      return
    }
    reader.refresh()
    const { ref, path } = await this.#segmentOf(shard).keepAside(reader, damaged)
    shard.table.rename(entry, ref)
    this.#sparse.set(entry, { liveBytes: entry.liveBytes, skipped: 0, damaged: true })
    touched.add(shard)
    const { offset } = damaged[0]
    const bytes = damaged.reduce((sum, one) => sum + one.bytes, 0)
    this.#tell(shard, reader.file.path, offset, `${bytes} bytes are damaged; ${path} keeps them`)
  }

  #tell(shard: OpenShard, file: string, offset: number, what: string): void {
    const detail = `${shardName(shard.shard)}: ${file} at ${offset}: ${what}`
    shard.tenant?.damaged?.(
      skeinError("ShardCorrupt", detail, { shard: shard.shard, file, offset }),
    )
  }

  #moversFor(places: readonly Place[]): Movers {
    const movers = new Map<Shard, readonly FrameMover[]>()
    for (const { shard, entry } of places) {
      // Exact counts spare the look; others are hints.
      if (isEmpty(entry)) continue
      const mover = new FrameMover(shard, this.#segmentOf(shard), entry, this.parts.clock)
      movers.set(shard.shard, [...(movers.get(shard.shard) ?? []), mover])
    }
    return movers
  }

  async #finish(movers: readonly FrameMover[], touched: Set<OpenShard>): Promise<void> {
    for (const mover of movers) {
      await mover.finish()
      touched.add(mover.shard)
    }
  }

  /**
   * No live frame of these shards lies in the file any more: their next checkpoints omit it. Where
   * this process's own count says otherwise, a tenant has not heard yet where its frames lie: the
   * segment was sealed in the middle of a commit.
   */
  #leave(places: readonly Place[], touched: Set<OpenShard>): void {
    if (this.#stopped) return
    for (const { shard, entry } of places) {
      if (entry.exact && entry.liveFrames !== 0) continue
      shard.table.remove(entry)
      touched.add(shard)
    }
  }

  /**
   * A segment that has lost live frames since the last pass is being consumed: soon it will be
   * empty, and a copy of its rest would be in vain. It may also lose one frame now and then for
   * ever, or rest while no commit begins another pass: so it is left alone a few times only, and
   * another pass is asked for.
   */
  async #rewriteSparse(shard: OpenShard, touched: Set<OpenShard>): Promise<void> {
    const writing = this.#segmentOf(shard)
    for (const entry of shard.table.entries) {
      if (this.#stopped || shard.closed) return
      if (entry.ref.kind !== "segment" || !isSparse(entry) || this.#isLeftAlone(entry)) continue
      if (entry === writing.current) await writing.retire()
      if (!(await this.#copyFromSegment(shard, entry))) continue
      shard.table.remove(entry)
      touched.add(shard)
    }
  }

  #isLeftAlone(entry: TableEntry): boolean {
    const { liveBytes } = entry
    const before = this.#sparse.get(entry)
    if (before?.damaged === true && before.liveBytes === liveBytes) return true
    if (isEmpty(entry) || liveBytes <= 0 || before?.liveBytes === liveBytes) return false
    const skipped = (before?.skipped ?? 0) + 1
    if (skipped > sparseSkipsMax) return false
    this.#sparse.set(entry, { liveBytes, skipped })
    this.#unfinished = true
    return true
  }

  /**
   * `true`: nobody wants anything of the file any more. A damaged one stays, so that what is wanted
   * of it fails when it is read; but what lies before the damage leaves it.
   */
  async #copyFromSegment(shard: OpenShard, entry: TableEntry): Promise<boolean> {
    const path = refPath(this.parts.paths, shard.shard, entry.ref)
    const mover = new FrameMover(shard, this.#segmentOf(shard), entry, this.parts.clock)
    const file = await this.parts.disk.open(path, "read")
    try {
      const size = await file.size()
      const window = new FileWindow(file, size)
      let at = 0
      while (at < size && !this.#stopped) {
        const header = await window.read(at, frameHeaderBytes)
        if (header.length < frameHeaderBytes) break
        const head = readFrameHeader(header, 0)
        const frame = await window.read(at, frameHeaderBytes + head.bytes)
        if (frame.length < frameHeaderBytes + head.bytes || !frameIsIntact(frame, 0)) break
        const from = locationOf(entry.id, at)
        if (mover.isLive(head, from)) await mover.move(head, from, frame)
        at += frame.length
      }
      await mover.finish()
      if (this.#stopped || at >= size) return !this.#stopped
      if (isEmpty(entry)) return true
      this.#noteDamage(shard, entry, path, at)
      return false
    } catch (error) {
      await mover.giveUp(error)
      throw error
    } finally {
      await file.close()
    }
  }

  /** Told once; the file is looked at again when something of it is wanted no longer. */
  #noteDamage(shard: OpenShard, entry: TableEntry, path: string, at: number): void {
    const known = this.#sparse.get(entry)?.damaged === true
    this.#sparse.set(entry, { liveBytes: entry.liveBytes, skipped: 0, damaged: true })
    if (!known) this.#tell(shard, path, at, "a frame is damaged; the file stays")
  }

  async #checkpointAll(
    sealed: readonly LogSegment[],
    foreign: readonly InstanceId[],
    touched: ReadonlySet<OpenShard>,
  ): Promise<void> {
    for (const { shard, checkpointer } of this.#cleanables()) {
      if (this.#stopped) return
      const due =
        touched.has(shard) ||
        ((foreign.length > 0 || shard.inherits) && shard.published === undefined) ||
        sealed.some(({ lastRecords }) => {
          const last = lastRecords.get(shard.shard)
          return last !== undefined && !isCovered(shard, last)
        })
      if (due) await checkpointer.publish()
    }
  }

  #segmentOf(shard: OpenShard): ShardSegment {
    let segment = this.#segments.get(shard)
    if (segment === undefined) {
      segment = new ShardSegment(this.parts.disk, shard, this.parts.segmentBytes)
      this.#segments.set(shard, segment)
    }
    return segment
  }
}

/** Frames are counted for certain; of some that were given back only the number was known. */
const isEmpty = ({ exact, liveFrames }: TableEntry): boolean => exact && liveFrames === 0

const isSparse = (entry: TableEntry): boolean =>
  entry.totalBytes > 0 && (isEmpty(entry) || entry.liveBytes * 2 < entry.totalBytes)

/** The damage that may have hit frames of a place that are wanted still. */
const damageOf = ({ shard, entry }: Place, damaged: readonly DamagedBytes[]): DamagedBytes[] => {
  if (isEmpty(entry)) return []
  return damaged.filter((one) => one.shard === undefined || one.shard === shard.shard)
}

/** The tenant knows the places of all its frames up to this record. */
const hasHeard = (shard: OpenShard, last: LastRecord | undefined): boolean =>
  last === undefined || last.epoch < shard.epoch || shard.placedUpTo >= last.recordNumber
