/**
 * Owns: which files of the logs have to stay: what a recovery would read, and what a checkpoint
 * points into. Looks at the directory each time: other processes change it.
 */
import type { Disk, Ownership } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { InstanceId, Shard } from "@skein/model"
import { CheckpointStore } from "./CheckpointStore.js"
import { type FileRef, fileKey, type LogRef } from "./FileTable.js"
import type { FrameReader } from "./FrameReader.js"
import { type Paths, parseLogSegment, parseShardFile, segmentSalt } from "./Layout.js"
import type { LastRecord, LogSegment } from "./LogSegment.js"
import type { OpenShard } from "./OpenShard.js"
import { SegmentReader } from "./SegmentReader.js"

export interface RetentionParts {
  readonly disk: Disk
  readonly paths: Paths
  readonly instance: InstanceId
  readonly ownership: Ownership
  readonly reader: FrameReader
  readonly shards: number
  /** The shard if it is open, attached or not. */
  readonly openShard: (shard: Shard) => OpenShard | undefined
}

/** The shard's newest checkpoint of this epoch stands for all its records up to `last`. */
export const isCovered = (shard: OpenShard, last: LastRecord): boolean =>
  shard.published !== undefined &&
  (last.epoch < shard.epoch || shard.checkpointRecord >= last.recordNumber)

export class Retention {
  constructor(readonly parts: RetentionParts) {}

  /** Every record in it is in a durable checkpoint, and no checkpoint names it. */
  async isNeedless(segment: LogSegment): Promise<boolean> {
    const { instance, number, capacity } = segment
    const ref: LogRef = { kind: "log", instance, number, bytes: capacity }
    for (const [shard, last] of segment.lastRecords) {
      const open = this.parts.openShard(shard)
      const covered =
        open === undefined
          ? await this.#isCoveredElsewhere(shard, last, ref)
          : isCovered(open, last) && open.published?.has(fileKey(ref)) === false
      if (!covered || (open?.table.findFile(ref).length ?? 0) > 0) return false
    }
    return true
  }

  /**
   * The shard is not open here: then the newest checkpoint has to be of the one who holds the token
   * now, looked at in this order. One that was published after its owner had lost the token was not
   * there for the successor to read.
   */
  async #isCoveredElsewhere(shard: Shard, last: LastRecord, ref: LogRef): Promise<boolean> {
    const header = await this.#newestCheckpoint(shard)
    if (header === undefined || header.files.some((file) => fileKey(file.ref) === fileKey(ref))) {
      return false
    }
    const holder = await this.parts.ownership.holder(shard)
    if (holder?.epoch !== header.epoch || last.epoch > header.epoch) return false
    return last.epoch < header.epoch || header.recordNumber >= last.recordNumber
  }

  async #newestCheckpoint(shard: Shard) {
    const { disk, paths } = this.parts
    const [newest] = await new CheckpointStore(disk, paths, shard).list()
    return newest?.header
  }

  /** Whether that instance's log has gone on in the next segment. */
  async isFollowed({ instance, number }: LogRef): Promise<boolean> {
    const { disk, paths } = this.parts
    for (const name of await disk.list(paths.log(instance))) {
      const parsed = parseLogSegment(name)
      if (parsed?.number !== number + 1) continue
      const path = `${paths.log(instance)}/${name}`
      const salt = segmentSalt(instance, parsed.number)
      const reader = await SegmentReader.open(disk, path, salt, parsed.bytes)
      try {
        return (await reader.findBatch(0)) !== undefined
      } finally {
        await reader.close()
      }
    }
    return false
  }

  /** Instances that left a log and have no sign of life: it goes once they are dead for certain. */
  async deadInstances(): Promise<InstanceId[]> {
    const { disk, paths, instance } = this.parts
    const dead: InstanceId[] = []
    for (const name of await disk.list(paths.logs)) {
      if (name !== instance && !disk.existsSync(paths.aliveFile(name))) dead.push(name)
    }
    return dead
  }

  /** Whether a shard's recovery would read that instance's log, or a checkpoint points into it. */
  async isNamed(instance: InstanceId): Promise<boolean> {
    const { disk, paths, shards } = this.parts
    for (let shard = 0; shard < shards; shard++) {
      for (const name of await this.#listShard(shard)) {
        const file = parseShardFile(name)
        if (file === undefined) continue
        const byInstance = file.kind === "owner" || file.kind === "claim"
        if (byInstance && file.instance === instance) return true
      }
      const names = (file: { readonly ref: FileRef }) =>
        file.ref.kind === "log" && file.ref.instance === instance
      const open = this.parts.openShard(shard)
      if (open?.table.entries.some(names)) return true
      const stored = await new CheckpointStore(disk, paths, shard).list()
      if (stored.some(({ header }) => header === undefined || header.files.some(names))) return true
    }
    return false
  }

  async #listShard(shard: Shard): Promise<readonly string[]> {
    const path = this.parts.paths.shard(shard)
    try {
      return await this.parts.disk.list(path)
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
  }

  /** Another process may do the same: one of them was the one who tidies up before. */
  async removeLog(instance: InstanceId): Promise<void> {
    const { disk, paths, reader } = this.parts
    const directory = paths.log(instance)
    try {
      for (const name of await disk.list(directory)) {
        reader.forget(`${directory}/${name}`)
        await disk.unlink(`${directory}/${name}`)
      }
      await disk.removeDirectory(directory)
    } catch (error) {
      if (!isMissing(error)) throw error
    }
    await disk.syncDirectory(paths.logs)
  }
}
