/**
 * Owns: a shard that this process has claimed: how far its records are, where its frames lie, its
 * tenant. Commits and the cleaner move it forward; it never writes by itself.
 * Must not know: tokens, the log's files.
 */

import type { FrameKey, FrameToStore, Location, ReplayedFrame, ShardTenant } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Epoch, Shard, SkeinError } from "@skein/model"
import { invariant, shardName, skeinError } from "@skein/model"
import type { CheckpointStore } from "./CheckpointStore.js"
import { type FileTable, refPath, type TableEntry } from "./FileTable.js"
import type { FrameCache } from "./FrameCache.js"
import type { FrameReader } from "./FrameReader.js"
import type { Paths } from "./Layout.js"
import { fileIdOf, locationOf, offsetOf } from "./Location.js"
import type { LogSegment } from "./LogSegment.js"

/** A frame of a recent commit, for tenants that make a checkpoint before they have its answer. */
interface RecentFrame extends ReplayedFrame {
  readonly recordNumber: number
  readonly entry: TableEntry
}

/** So many commits the answers to which a tenant may not have taken in yet. */
const recentCommitsMax = 8

interface DurableWaiter {
  readonly recordNumber: number
  readonly resolve: (crc: number | undefined) => void
}

export class OpenShard {
  /** The last record that was given to the log, and its crc. */
  lastRecord: number
  lastCrc: number
  durableRecord: number
  /** The newest published checkpoint covers records up to here. */
  checkpointRecord: number
  /** As of the newest checkpoint, the tenant knows where frames of records up to here lie. */
  placedUpTo = 0
  /** Keys of the files that the newest checkpoint of this epoch names; absent: there is none. */
  published: ReadonlySet<string> | undefined
  /** Bytes of events since the last checkpoint was begun: what a replay would cost. */
  eventsBytes = 0
  tenant: ShardTenant | undefined
  closed = false
  /** Other processes' logs were read when it was opened, and hold it back until a checkpoint. */
  inherits = false
  #recent: { readonly after: number; readonly frames: RecentFrame[] }[] = []
  #waiter: DurableWaiter | undefined
  #logEntry: { readonly segment: LogSegment; readonly entry: TableEntry } | undefined
  /** The crc of the record that a checkpoint waits for. */
  #waitedCrc = 0

  constructor(
    readonly shard: Shard,
    readonly epoch: Epoch,
    readonly table: FileTable,
    readonly store: CheckpointStore,
    readonly reader: FrameReader,
    readonly cache: FrameCache,
    readonly paths: Paths,
    last: { readonly recordNumber: number; readonly crc: number },
    checkpointRecord: number,
  ) {
    this.lastRecord = last.recordNumber
    this.lastCrc = last.crc
    this.durableRecord = last.recordNumber
    this.checkpointRecord = checkpointRecord
  }

  /** The table's entry of a segment of this process's log. */
  entryOf(segment: LogSegment): TableEntry {
    if (this.#logEntry?.segment === segment) return this.#logEntry.entry
    const { instance, number, capacity: bytes } = segment
    const { epoch } = this
    const entry = this.table.add({ kind: "log", instance, number, bytes, epoch }, true)
    this.#logEntry = { segment, entry }
    return entry
  }

  noteRecord(recordNumber: number, crc: number, eventsBytes: number): void {
    this.lastRecord = recordNumber
    this.lastCrc = crc
    this.eventsBytes += eventsBytes
    if (this.#waiter?.recordNumber === recordNumber) this.#waitedCrc = crc
  }

  /** A commit that has begun at this record is durable; its frames follow. */
  noteCommit(after: number): void {
    this.#recent.push({ after, frames: [] })
    if (this.#recent.length > recentCommitsMax) this.#recent.shift()
  }

  /** A frame of the commit: it is kept in memory for the first delivery. */
  noteFrame(
    recordNumber: number,
    entry: TableEntry,
    location: Location,
    frame: FrameToStore,
  ): void {
    const { generation, first, bytes } = frame
    const recent = { generation, first, location, bytes: bytes.length, recordNumber, entry }
    this.#recent[this.#recent.length - 1].frames.push(recent)
    this.cache.put(locationOf(entry.cacheId, offsetOf(location)), frame.bytes)
  }

  /** Frames of the records between, oldest first; `undefined`: that is too long ago. */
  framesBetween(after: number, upTo: number): readonly RecentFrame[] | undefined {
    if (after >= upTo) return []
    if (this.#recent.length === 0 || this.#recent[0].after > after) return undefined
    const frames = this.#recent.flatMap((commit) => commit.frames)
    return frames.filter(({ recordNumber }) => recordNumber > after && recordNumber <= upTo)
  }

  noteDurable(recordNumber: number): void {
    this.durableRecord = recordNumber
    if (this.#waiter !== undefined && this.#waiter.recordNumber <= recordNumber) {
      this.#waiter.resolve(this.#waitedCrc)
      this.#waiter = undefined
    }
  }

  /** Resolves with the crc of a record that is the last one or still to come, once it is durable;
   * `undefined` when the shard was closed first. */
  whenDurable(recordNumber: number): Promise<number | undefined> {
    if (this.closed) return Promise.resolve(undefined)
    invariant(recordNumber >= this.lastRecord, "a tenant is never behind what it has committed")
    if (recordNumber <= this.durableRecord) return Promise.resolve(this.lastCrc)
    this.#waitedCrc = this.lastCrc
    return new Promise((resolve) => {
      this.#waiter = { recordNumber, resolve }
    })
  }

  readonly read = async (key: FrameKey, location: Location, bytes: number): Promise<Uint8Array> => {
    const entry = this.table.byId(fileIdOf(location))
    if (entry === undefined) return this.#readMoved(key, location, bytes)
    const offset = offsetOf(location)
    const cached = this.cache.get(locationOf(entry.cacheId, offset))
    if (cached !== undefined) return cached
    try {
      return await this.reader.read(refPath(this.paths, this.shard, entry.ref), offset, key, bytes)
    } catch (error) {
      // The cleaner may have moved the frame while the read was on its way.
      if (this.tenant?.locate(key) === location || this.closed) throw this.#unreadable(error)
      return this.#readMoved(key, location, bytes)
    }
  }

  readonly release = (location: Location, bytes: number): void => {
    const entry = this.table.byId(fileIdOf(location))
    if (entry === undefined || this.closed) return
    entry.liveBytes -= bytes
    entry.liveFrames--
    this.cache.remove(locationOf(entry.cacheId, offsetOf(location)))
  }

  /** Ends this handle. What it held in the log is judged by the next owner's checkpoint. */
  end(): void {
    if (this.closed) return
    this.closed = true
    // Its state is large, and this handle may be held for a while by whoever works with it.
    this.tenant = undefined
    this.#waiter?.resolve(undefined)
    this.#waiter = undefined
  }

  /** Ends it and tells the tenant: somebody else owns the shard, or it can go on no longer. */
  lose(why: SkeinError): void {
    if (this.closed) return
    const { tenant } = this
    this.end()
    tenant?.closed(why)
  }

  #unreadable(error: unknown): unknown {
    if (!isMissing(error)) return error
    const detail = `${shardName(this.shard)}: ${String(error)}`
    return skeinError("ShardCorrupt", detail, { shard: this.shard }, { cause: error })
  }

  #readMoved(key: FrameKey, from: Location, bytes: number): Promise<Uint8Array> {
    const to = this.tenant?.locate(key)
    if (to !== undefined && to !== from) return this.read(key, to, bytes)
    const detail = `${shardName(this.shard)}: no frame lies at ${from}`
    return Promise.reject(skeinError("ShardCorrupt", detail, { shard: this.shard }))
  }
}
