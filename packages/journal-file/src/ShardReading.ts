/**
 * Owns: looking at a shard without owning it: what an opening would recover now, read-only. On a
 * live directory it is a moment's picture: files that vanish meanwhile make it look again.
 */
import type { Chunk, Disk, ReplayedFrame, ReplayedRecord } from "@skein/journal"
import { isMissing, systemClock } from "@skein/journal"
import type { Epoch, Shard, SkeinError } from "@skein/model"
import { shardName, skeinError } from "@skein/model"
import { CheckpointStore } from "./CheckpointStore.js"
import type { Holder } from "./ClaimFile.js"
import { fileOwnership } from "./FileOwnership.js"
import { type FileRef, FileTable, type StoredFile } from "./FileTable.js"
import type { History } from "./History.js"
import type { Paths } from "./Layout.js"
import { locationOf } from "./Location.js"
import { LogScans } from "./LogScans.js"
import { findOwners, historyOf, passedOver, tornBytes } from "./OwnerChain.js"

/** A shard as it would be recovered now. */
export interface ReadShard {
  readonly shard: Shard
  /** Of the token; 0: nobody has ever opened the shard. */
  readonly epoch: Epoch
  readonly owner: Holder | undefined
  readonly checkpoint: {
    readonly recordNumber: number
    readonly chunks: AsyncIterable<Chunk>
    readonly placements: readonly ReplayedFrame[]
  }
  readonly records: readonly ReadRecord[]
  /** The last record's number. */
  readonly recordNumber: number
  readonly tornBytes: number
  /** Checkpoints that are damaged and not needed. */
  readonly passedOver: readonly SkeinError[]
  /** Files that the checkpoint points into. */
  readonly files: readonly StoredFile[]
}

export interface ReadRecord extends ReplayedRecord {
  /** Where the record lies. */
  readonly file: string
  readonly offset: number
}

/** Reads shards of one directory; shares what it reads of the logs. */
export class DirectoryReader {
  readonly scans: LogScans

  constructor(
    readonly disk: Disk,
    readonly paths: Paths,
  ) {
    this.scans = new LogScans(disk, paths, systemClock)
  }

  /** ShardCorrupt, as an opening would answer it. */
  async read(shard: Shard): Promise<ReadShard> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#read(shard)
      } catch (error) {
        if (!isMissing(error)) throw error
        if (attempt < 4) continue
        const detail = `${shardName(shard)}: a file is missing: ${String(error)}`
        throw skeinError("ShardCorrupt", detail, { shard }, { cause: error })
      }
    }
  }

  close(): void {
    this.scans.close()
  }

  async #read(shard: Shard): Promise<ReadShard> {
    const { disk, paths, scans } = this
    const store = new CheckpointStore(disk, paths, shard)
    const owner = await fileOwnership(disk, paths, "reader").holder(shard)
    const found = await findOwners({ disk, paths, scans }, shard, store, owner)
    if (found.checkpoint !== undefined) store.use(found.checkpoint, found.all)
    const history = historyOf(shard, found)
    const header = found.checkpoint?.header
    const files = header?.files ?? []
    for (const { scan } of found.owners) scan.forget(shard)
    return {
      shard,
      epoch: owner?.epoch ?? 0,
      owner,
      checkpoint: {
        recordNumber: header?.recordNumber ?? 0,
        chunks: store.chunks(),
        placements: header?.placements ?? [],
      },
      records: readRecords(paths, history, files),
      recordNumber: history.recordNumber,
      tornBytes: tornBytes(shard, found.owners),
      passedOver: passedOver(shard, found),
      files,
    }
  }
}

const readRecords = (
  paths: Paths,
  history: History,
  files: readonly StoredFile[],
): ReadRecord[] => {
  const table = new FileTable()
  for (const file of files) table.restore(file)
  return history.records.map(({ record, instance }) => {
    const { number, bytes } = record.segment
    const ref: FileRef = { kind: "log", instance, number, bytes, epoch: 0 }
    const { id } = table.add(ref, false)
    return {
      recordNumber: record.recordNumber,
      epoch: record.epoch,
      journalMs: record.journalMs,
      events: record.events,
      frames: record.frames.map((frame) => ({
        generation: frame.generation,
        first: frame.first,
        bytes: frame.bytes,
        location: locationOf(id, frame.offset),
      })),
      file: paths.logSegment(instance, number, bytes),
      offset: record.offset,
    }
  })
}
