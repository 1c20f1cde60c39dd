/**
 * Owns: moving live frames of one shard into its own segments. The tenant is asked which frames are
 * live, and told their new place only after the copy is on stable storage.
 * Interleaving: between the copy and the telling a frame may be released; then it stays dead.
 */
import type { FrameKey, Location } from "@skein/journal"
import type { Clock } from "@skein/model"
import { isSkeinError, limits } from "@skein/model"
import type { TableEntry } from "./FileTable.js"
import { locationOf, offsetOf } from "./Location.js"
import type { OpenShard } from "./OpenShard.js"
import { frameHeaderBytes } from "./RecordCodec.js"
import type { ShardSegment } from "./ShardSegment.js"

interface Move {
  readonly key: FrameKey
  readonly from: Location
  readonly to: Location
  readonly bytes: number
  readonly toEntry: TableEntry
}

export class FrameMover {
  readonly #moves: Move[] = []

  constructor(
    readonly shard: OpenShard,
    readonly segment: ShardSegment,
    readonly fromEntry: TableEntry,
    readonly clock: Clock,
  ) {}

  isLive(key: FrameKey, from: Location): boolean {
    return !this.shard.closed && this.shard.tenant?.locate(key) === from
  }

  /** Copies a whole frame, header and all. */
  async move(key: FrameKey, from: Location, frame: Uint8Array): Promise<void> {
    const { entry, to } = await this.segment.append(Uint8Array.from(frame))
    const bytes = frame.length - frameHeaderBytes
    this.#moves.push({ key, from, to, bytes, toEntry: entry })
  }

  /** Syncs the copies and tells the tenant. */
  async finish(): Promise<void> {
    await this.segment.sync()
    await this.#tellAll()
  }

  /** After a failure: on a full disk what was written so far is progress, and told. */
  async giveUp(error: unknown): Promise<void> {
    try {
      if (isSkeinError(error)) {
        await this.segment.salvage()
        await this.#tellAll()
        return
      }
    } catch {
      // The first failure is the one that is reported.
    }
    await this.segment.abandon().catch(() => {})
  }

  async #tellAll(): Promise<void> {
    let sinceMs = this.clock.monotonicMs()
    for (const move of this.#moves) {
      const written = this.segment.isWritten(move.toEntry, move.to)
      if (written && this.isLive(move.key, move.from)) this.#tell(move)
      if (this.clock.monotonicMs() - sinceMs < limits.batchWorkMaxMs) continue
      await new Promise<void>((resolve) => this.clock.defer(resolve))
      sinceMs = this.clock.monotonicMs()
    }
  }

  #tell({ key, from, to, bytes, toEntry }: Move): void {
    const { shard, fromEntry } = this
    const cacheKey = locationOf(fromEntry.cacheId, offsetOf(from))
    const cached = shard.cache.get(cacheKey)
    if (cached !== undefined) {
      shard.cache.remove(cacheKey)
      shard.cache.put(locationOf(toEntry.cacheId, offsetOf(to)), cached)
    }
    fromEntry.liveBytes -= bytes
    fromEntry.liveFrames--
    toEntry.liveBytes += bytes
    toEntry.liveFrames++
    shard.tenant?.relocate(key, to)
  }
}
