/**
 * Owns: what is stored of one shard in memory: checkpoint chunks, the records after them, and the
 * bytes of live frames. Bounded: records are folded into a checkpoint every few MiB.
 */
import type { Epoch, InstanceId } from "@skein/model"
import { invariant, limits, skeinError } from "@skein/model"
import type {
  Chunk,
  FrameKey,
  Location,
  OpenedShard,
  ReplayedFrame,
  ReplayedRecord,
  ShardAppend,
  ShardTenant,
} from "./Journal.js"

/** What a shard's handle needs of the journal that opened it. */
export interface MemoryHandle {
  readonly epoch: Epoch
  readonly onClose: () => void
  /** Gives the token away. */
  readonly hand: (to: InstanceId, recordNumber: number) => Promise<Epoch>
}

/** The stored state at some moment, and what came after it. */
export interface MemoryBase {
  readonly recordNumber: number
  readonly chunks: ReadonlyMap<string, Uint8Array>
  readonly placements: readonly ReplayedFrame[]
  /** Records after the checkpoint; grows while somebody follows. */
  readonly records: ReplayedRecord[]
}

interface StoredFrame extends FrameKey {
  readonly bytes: Uint8Array
}

/** Fold the records into the checkpoint after so many bytes of events. */
const foldAfterBytes = limits.checkpointEveryBytes / 4
/** What a record, a frame and a chunk cost beyond their bytes, roughly. */
const overheadBytes = 128

export class MemoryShard {
  lastRecord = 0
  bytes = 0
  #checkpointRecord = 0
  readonly #chunks = new Map<string, Uint8Array>()
  #records: ReplayedRecord[] = []
  #recordsBytes = 0
  readonly #frames = new Map<Location, StoredFrame>()
  #nextLocation = 1
  #released: Location[] = []
  #tenant: ShardTenant | undefined
  /** A checkpoint that waits until `#pendingRecord` is committed; `undefined`: the chunk goes. */
  readonly #pendingPut = new Map<string, Uint8Array | undefined>()
  #pendingRecord = 0
  #pendingPlacedUpTo = 0
  /** Locations that the tenant did not know when it made the checkpoint. */
  #placements: readonly ReplayedFrame[] = []
  readonly #followed = new Set<MemoryBase>()

  constructor(readonly shard: number) {}

  /** The state now; its records go on until {@link unfollow}. */
  follow(): MemoryBase {
    const base = {
      recordNumber: this.#checkpointRecord,
      chunks: new Map(this.#chunks),
      placements: this.#placements,
      records: [...this.#records],
    }
    this.#followed.add(base)
    return base
  }

  unfollow(base: MemoryBase): void {
    this.#followed.delete(base)
  }

  /** Opens for one who has followed from `base` and has taken in `taken` records of it. The stored
   * state goes back to that base: the follower's next delta says what changed since. */
  openFollowed(base: MemoryBase, taken: number, handle: MemoryHandle): OpenedShard {
    this.unfollow(base)
    for (const key of [...this.#chunks.keys()]) this.#putChunk(key, undefined)
    for (const [key, bytes] of base.chunks) this.#putChunk(key, bytes)
    this.#checkpointRecord = base.recordNumber
    this.#placements = base.placements
    this.#keepRecords(base.records)
    return this.open(handle, taken)
  }

  /** `taken`: so many records after the checkpoint are known to the tenant already. */
  open({ epoch, onClose, hand }: MemoryHandle, taken = 0): OpenedShard {
    this.#tenant = undefined
    this.#released = []
    // Never committed: the one who replays now takes its first checkpoint from what is stored.
    this.#pendingPut.clear()
    this.#pendingRecord = this.#checkpointRecord
    let closed = false
    return {
      shard: this.shard,
      epoch,
      tornBytes: 0,
      checkpoint: {
        recordNumber: this.#checkpointRecord,
        chunks: this.#readChunks(),
        placements: this.#placements,
      },
      records: this.#readRecords(taken),
      attach: (tenant) => {
        if (closed) return
        this.#tenant = tenant
        this.#freeUnknown(tenant)
      },
      read: async (key, location, bytes) => this.#read(key, location, bytes),
      release: (location) => {
        if (!closed) this.#released.push(location)
      },
      close: async () => {
        if (closed) return
        closed = true
        this.#fold()
        this.#tenant = undefined
        onClose()
      },
      handTo: async (to) => {
        if (closed) throw skeinError("Moved", "the shard is closed here", { shard: this.shard })
        const there = await hand(to, this.lastRecord)
        closed = true
        this.#tenant = undefined
        onClose()
        return there
      },
    }
  }

  append(append: ShardAppend): { readonly locations: Location[]; readonly bytes: number } {
    const locations: Location[] = []
    let bytes = 0
    for (const record of append.records) {
      const frames = record.frames.map((frame) => {
        const location = this.#nextLocation++
        locations.push(location)
        this.#frames.set(location, frame)
        bytes += frame.bytes.length + overheadBytes
        return {
          generation: frame.generation,
          first: frame.first,
          location,
          bytes: frame.bytes.length,
        }
      })
      const stored = {
        recordNumber: ++this.lastRecord,
        epoch: append.epoch,
        journalMs: record.journalMs,
        events: record.events,
        frames,
      }
      this.#records.push(stored)
      for (const { records } of this.#followed) records.push(stored)
      this.#recordsBytes += record.events.length + overheadBytes
      bytes += record.events.length + overheadBytes
    }
    this.bytes += bytes
    return { locations, bytes }
  }

  /** How many releases lie before a commit that begins now. */
  pendingReleases(): number {
    return this.#released.length
  }

  freeReleased(count: number): void {
    for (const location of this.#released.splice(0, count)) {
      const frame = this.#frames.get(location)
      if (frame === undefined) continue
      this.#frames.delete(location)
      this.bytes -= frame.bytes.length + overheadBytes
    }
  }

  checkpointIfDue(): void {
    if (this.#pendingRecord > this.#checkpointRecord) this.#publish()
    else if (this.#recordsBytes >= foldAfterBytes) this.#fold()
  }

  /** Frames that were released before a replay, and that the tenant does not know any more. */
  #freeUnknown(tenant: ShardTenant): void {
    for (const [location, frame] of this.#frames) {
      if (tenant.locate(frame) === location) continue
      this.#frames.delete(location)
      this.bytes -= frame.bytes.length + overheadBytes
    }
  }

  #fold(): void {
    if (this.#tenant === undefined) return
    const delta = this.#tenant.checkpoint()
    if (delta === undefined) return
    // The delta may hold records that are evolved and not committed: it waits for their commit.
    for (const chunk of delta.put) this.#pendingPut.set(chunk.key, chunk.bytes)
    for (const key of delta.drop) this.#pendingPut.set(key, undefined)
    this.#pendingRecord = delta.recordNumber
    this.#pendingPlacedUpTo = delta.placedUpTo
    this.#publish()
  }

  #publish(): void {
    if (this.#pendingRecord > this.lastRecord) return
    for (const [key, bytes] of this.#pendingPut) this.#putChunk(key, bytes)
    this.#pendingPut.clear()
    this.#checkpointRecord = this.#pendingRecord
    this.#placements = this.#records
      .filter(({ recordNumber }) => recordNumber > this.#pendingPlacedUpTo)
      .filter(({ recordNumber }) => recordNumber <= this.#checkpointRecord)
      .flatMap(({ frames }) => frames)
    this.#keepRecords(
      this.#records.filter((record) => record.recordNumber > this.#checkpointRecord),
    )
  }

  #keepRecords(kept: ReplayedRecord[]): void {
    this.bytes -= this.#recordsBytes
    this.#recordsBytes = 0
    for (const record of kept) this.#recordsBytes += record.events.length + overheadBytes
    this.bytes += this.#recordsBytes
    this.#records = kept
  }

  #putChunk(key: string, bytes: Uint8Array | undefined): void {
    const before = this.#chunks.get(key)
    if (before !== undefined) this.bytes -= before.length + overheadBytes
    if (bytes === undefined) {
      this.#chunks.delete(key)
      return
    }
    this.#chunks.set(key, bytes)
    this.bytes += bytes.length + overheadBytes
  }

  async #read(key: FrameKey, location: Location, bytes: number): Promise<Uint8Array> {
    const frame = this.#frames.get(location)
    const same =
      frame?.generation === key.generation &&
      frame.first === key.first &&
      frame.bytes.length === bytes
    if (frame !== undefined && same) return frame.bytes
    throw skeinError("ShardCorrupt", `no such frame at ${location}`, { shard: this.shard })
  }

  async *#readChunks(): AsyncGenerator<Chunk> {
    for (const [key, bytes] of this.#chunks) yield { key, bytes }
  }

  async *#readRecords(taken: number): AsyncGenerator<ReplayedRecord> {
    let expected = this.#checkpointRecord + taken
    for (const record of this.#records.slice(taken)) {
      invariant(record.recordNumber === ++expected, "records are without gaps")
      yield record
    }
  }
}
