/**
 * Owns: a journal that only keeps lists, and takes a checkpoint when a test says so, also while a
 * commit is under way. What is in a NaiveStore outlives a crash.
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
import { invariant, type Shard, type SkeinError } from "@skein/model"

interface Stored {
  epoch: number
  chunks: Map<string, Uint8Array>
  checkpointRecord: number
  placements: readonly ReplayedFrame[]
  records: ReplayedRecord[]
  readonly frames: Uint8Array[]
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
    if (stored.pending === undefined) stored.pending = stored.tenant?.checkpoint()
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
      read: async (_key: FrameKey, location: Location) => stored.frames[location],
      release: () => {},
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

  readonly reserve = (): boolean => true
  readonly unreserve = (): void => {}
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
        const location = stored.frames.push(bytes) - 1
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
