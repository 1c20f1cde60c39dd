/**
 * Owns: a journal that only keeps lists, and takes a checkpoint when a test says so, also while a
 * commit is under way. What is in a NaiveStore outlives a crash. Frames that the tenant does not
 * find where they lie when a checkpoint is taken are gone when it is published.
 */
import type {
  CheckpointDelta,
  Chunk,
  CommitResult,
  FrameKey,
  Journal,
  Location,
  OpenedShard,
  ReplayedFrame,
  ReplayedRecord,
  ShardAppend,
  ShardTenant,
} from "@skein/journal"
import { invariant, type Shard, type SkeinError, skeinError } from "@skein/model"

interface StoredFrame {
  readonly key: FrameKey
  readonly recordNumber: number
  /** `undefined`: its room was used again. */
  bytes: Uint8Array | undefined
}

interface Stored {
  epoch: number
  chunks: Map<string, Uint8Array>
  checkpointRecord: number
  placements: readonly ReplayedFrame[]
  records: ReplayedRecord[]
  readonly frames: StoredFrame[]
  /** Frames that die with the checkpoint that is pending. */
  dying: StoredFrame[]
  lastRecord: number
  tenant: ShardTenant | undefined
  pending: CheckpointDelta | undefined
}

export class NaiveStore {
  private readonly shards = new Map<Shard, Stored>()

  of(shard: Shard): Stored {
    let stored = this.shards.get(shard)
    if (stored === undefined) {
      stored = {
        epoch: 0,
        chunks: new Map(),
        checkpointRecord: 0,
        placements: [],
        records: [],
        frames: [],
        dying: [],
        lastRecord: 0,
        tenant: undefined,
        pending: undefined,
      }
      this.shards.set(shard, stored)
    }
    return stored
  }
}

export class NaiveJournal implements Journal {
  readonly failed: Promise<SkeinError> = new Promise(() => {})

  constructor(private readonly store: NaiveStore) {}

  /** Takes a delta now; it is published once its record is durable and its commit was answered. */
  checkpoint(shard: Shard): void {
    const stored = this.store.of(shard)
    const { tenant } = stored
    if (stored.pending !== undefined || tenant === undefined) return
    const delta = tenant.checkpoint()
    stored.pending = delta
    if (delta === undefined) return
    stored.dying = stored.frames.filter(
      ({ key, recordNumber }, at) => recordNumber <= delta.placedUpTo && tenant.locate(key) !== at,
    )
  }

  /** What a cleaner does: every frame that lives is copied to another place. */
  move(shard: Shard): void {
    const stored = this.store.of(shard)
    for (const [at, frame] of [...stored.frames.entries()]) {
      if (stored.tenant?.locate(frame.key) !== at) continue
      stored.tenant.relocate(frame.key, stored.frames.push({ ...frame }) - 1)
    }
  }

  readonly openShard = async (shard: Shard): Promise<OpenedShard> => {
    const stored = this.store.of(shard)
    stored.epoch += 1
    stored.tenant = undefined
    stored.pending = undefined
    const { epoch } = stored
    return {
      shard,
      epoch,
      tornBytes: 0,
      checkpoint: {
        recordNumber: stored.checkpointRecord,
        chunks: chunksOf(stored),
        placements: stored.placements,
      },
      records: recordsOf(stored),
      attach: (tenant) => {
        stored.tenant = tenant
      },
      read: async (key: FrameKey, location: Location) => {
        const frame = stored.frames[location]
        invariant(frame?.bytes !== undefined, "a frame is read whose room was used again")
        invariant(
          frame.key.generation === key.generation && frame.key.first === key.first,
          "a frame is read where another one lies",
        )
        return frame.bytes
      },
      release: () => {},
      handTo: () => Promise.reject(skeinError("MoveRefused", "there is nobody else")),
      close: async () => {
        if (stored.epoch !== epoch) return
        this.publish(stored)
        this.checkpoint(shard)
        this.publish(stored)
        stored.tenant = undefined
      },
    }
  }

  readonly commit = async (batch: readonly ShardAppend[]): Promise<readonly CommitResult[]> => {
    for (const { shard } of batch) this.publish(this.store.of(shard))
    await Promise.resolve()
    return batch.map((append) => this.commitOne(append))
  }

  readonly follow = () => Promise.reject(skeinError("ShardUnavailable", "nobody follows here"))
  readonly reserve = (): boolean => true
  readonly unreserve = (): void => {}
  readonly noRoom = (bytes: number) => skeinError("DiskFull", `no room for ${bytes} bytes`)
  readonly close = async (): Promise<void> => {}
  readonly status = () => ({
    driver: "naive",
    durability: "memory" as const,
    uncleanedBytes: 0,
    freeBytes: 0,
    commits: 0,
    committedBytes: 0,
  })

  private commitOne({ shard, epoch, records }: ShardAppend): CommitResult {
    const stored = this.store.of(shard)
    if (stored.epoch !== epoch) return { _tag: "Fenced", shard }
    const locations: Location[] = []
    for (const record of records) {
      const frames = record.frames.map(({ generation, first, bytes }) => {
        const stays = { key: { generation, first }, recordNumber: stored.lastRecord + 1, bytes }
        const location = stored.frames.push(stays) - 1
        locations.push(location)
        return { generation, first, location, bytes: bytes.length }
      })
      const recordNumber = ++stored.lastRecord
      stored.records.push({ ...record, recordNumber, epoch, frames })
    }
    return { _tag: "Committed", shard, recordNumber: stored.lastRecord, locations }
  }

  private publish(stored: Stored): void {
    const delta = stored.pending
    if (delta === undefined || delta.recordNumber > stored.lastRecord) return
    stored.pending = undefined
    for (const frame of stored.dying) frame.bytes = undefined
    for (const chunk of delta.put) stored.chunks.set(chunk.key, chunk.bytes)
    for (const key of delta.drop) stored.chunks.delete(key)
    stored.checkpointRecord = delta.recordNumber
    const { placedUpTo, recordNumber } = delta
    stored.placements = stored.records
      .filter((one) => one.recordNumber > placedUpTo && one.recordNumber <= recordNumber)
      .flatMap((one) => one.frames)
    stored.records = stored.records.filter((one) => one.recordNumber > delta.recordNumber)
  }
}

async function* chunksOf(stored: Stored): AsyncGenerator<Chunk> {
  for (const [key, bytes] of [...stored.chunks]) yield { key, bytes }
}

async function* recordsOf(stored: Stored): AsyncGenerator<ReplayedRecord> {
  let expected = stored.checkpointRecord
  for (const record of [...stored.records]) {
    invariant(record.recordNumber === ++expected, "records are without gaps")
    yield record
  }
}
