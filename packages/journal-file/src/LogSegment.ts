/**
 * Owns: one file of this process's own commit log: what is written where, and which records of
 * which shards it holds.
 * Must not know: when to roll, sync or delete: the log and the cleaner decide.
 */
import type { DiskFile } from "@skein/journal"
import type { Epoch, InstanceId, Shard } from "@skein/model"
import { segmentSalt } from "./Layout.js"

/** The last record of a shard in a segment. */
export interface LastRecord {
  readonly epoch: Epoch
  readonly recordNumber: number
}

export class LogSegment {
  readonly salt: number
  /** Where the next batch begins. */
  position = 0
  /** Everything before is on stable storage. */
  syncedPosition = 0
  /** No batch follows: the log has rolled on. */
  sealed = false
  readonly lastRecords = new Map<Shard, LastRecord>()

  constructor(
    readonly instance: InstanceId,
    readonly number: number,
    readonly path: string,
    readonly capacity: number,
    readonly file: DiskFile,
  ) {
    this.salt = segmentSalt(instance, number)
  }

  get room(): number {
    return this.capacity - this.position
  }
}
