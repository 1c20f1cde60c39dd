/**
 * Owns: one shard on its way from a backup into a journal: its frames go in records of their own,
 * its state in the checkpoint that closes it. Until then it is a tenant as any other: the cleaner
 * copies its frames and makes checkpoints of what there is.
 * Must not know: files, what comes first.
 */
import { encodeSections } from "@skein/cluster"
import type {
  CheckpointDelta,
  Chunk,
  FrameKey,
  FrameToStore,
  Journal,
  Location,
  OpenedShard,
  ShardTenant,
} from "@skein/journal"
import { type Generation, invariant, type SkeinError } from "@skein/model"
import {
  checkpointDelta,
  framesFrom,
  generationOfKey,
  locate,
  relocate,
  restoreQueue,
  wholeCatalog,
  wholeQueue,
} from "@skein/queue"
import type { LoadedShard } from "./LoadedShard.js"
import type { FrameItem } from "./shardFile.js"

/** Frames gathered for a record. */
const recordBytes = 1024 * 1024
const allFrames = { framesMax: 4096, bytesMax: Number.POSITIVE_INFINITY }

export class RestoredShard implements ShardTenant {
  private recordNumber: number
  private placedUpTo: number
  private frames: FrameToStore[] = []
  private bytes = 0
  private isWhole = false
  private lost: SkeinError | undefined

  private constructor(
    private readonly journal: Journal,
    private readonly opened: OpenedShard,
    private readonly loaded: LoadedShard,
    private readonly journalMs: number,
    recordNumber: number,
    /** Chunks of an attempt that was cut off. */
    private readonly stale: ReadonlySet<string>,
  ) {
    this.recordNumber = recordNumber
    this.placedUpTo = recordNumber
  }

  static async open(
    journal: Journal,
    shard: number,
    loaded: LoadedShard,
    journalMs: number,
  ): Promise<RestoredShard> {
    const opened = await journal.openShard(shard)
    const { recordNumber, stale } = await giveBackRest(opened)
    const restored = new RestoredShard(journal, opened, loaded, journalMs, recordNumber, stale)
    opened.attach(restored)
    return restored
  }

  async frame({ generation, first, bytes }: FrameItem): Promise<void> {
    // A copy: the bytes are a part of a large buffer.
    this.frames.push({ generation, first, bytes: bytes.slice() })
    this.bytes += bytes.length
    if (this.bytes >= recordBytes) await this.commit()
  }

  /** The shard is whole and durable when it resolves. */
  async finish(): Promise<void> {
    await this.commit()
    this.loaded.complete()
    await this.opened.close()
    if (this.lost !== undefined) throw this.lost
  }

  readonly checkpoint = (): CheckpointDelta => {
    const { recordNumber, placedUpTo } = this
    const put: Chunk[] = []
    const drop: string[] = []
    const { queues, others, catalog } = this.loaded
    if (!this.isWhole) put.push(...others)
    if (!this.isWhole && this.opened.shard === 0) put.push(...wholeCatalog(catalog))
    for (const state of queues.values()) {
      const delta = checkpointDelta(state)
      put.push(...(this.isWhole ? delta.put : wholeQueue(state)))
    }
    if (!this.isWhole) {
      const keys = new Set(put.map(({ key }) => key))
      for (const key of this.stale) if (!keys.has(key)) drop.push(key)
    }
    this.isWhole = true
    return { recordNumber, placedUpTo, put, drop }
  }

  readonly locate = ({ generation, first }: FrameKey): Location | undefined => {
    const state = this.loaded.queues.get(generation)
    const location = state === undefined ? undefined : locate(state, first)?.location
    return location === undefined || Number.isNaN(location) ? undefined : location
  }

  readonly relocate = ({ generation, first }: FrameKey, to: Location): void => {
    const state = this.loaded.queues.get(generation)
    if (state !== undefined) relocate(state, first, to)
  }

  readonly closed = (why: SkeinError): void => {
    this.lost = why
  }

  private async commit(): Promise<void> {
    const { frames, journalMs } = this
    if (frames.length === 0) return
    this.frames = []
    this.bytes = 0
    const { shard, epoch } = this.opened
    this.recordNumber += 1
    const records = [{ journalMs, events: noEvents, frames }]
    const [result] = await this.journal.commit([{ shard, epoch, records }])
    if (result._tag === "Refused") throw result.error
    if (result._tag === "Fenced") throw this.lost ?? fenced()
    this.placedUpTo = result.recordNumber
    frames.forEach((frame, at) => {
      this.relocate(frame, result.locations[at])
    })
  }
}

const fenced = (): Error => new Error("another process has taken a shard that is being restored")

const noEvents = encodeSections([])

/** What an attempt that was cut off has stored of the shard is wanted no more. */
const giveBackRest = async (
  opened: OpenedShard,
): Promise<{ readonly recordNumber: number; readonly stale: ReadonlySet<string> }> => {
  const { checkpoint } = opened
  const stale = new Set<string>()
  const chunks = new Map<Generation, Chunk[]>()
  for await (const chunk of checkpoint.chunks) {
    stale.add(chunk.key)
    const generation = generationOfKey(chunk.key)
    if (generation === undefined) continue
    const list = chunks.get(generation)
    if (list === undefined) chunks.set(generation, [chunk])
    else list.push(chunk)
  }
  for (const list of chunks.values()) {
    const state = restoreQueue(list)
    for (const { generation, first, location } of checkpoint.placements) {
      if (generation === state.generation) relocate(state, first, location)
    }
    let from = 1
    for (;;) {
      const found = framesFrom(state, from, Number.POSITIVE_INFINITY, allFrames)
      if (found.length === 0) break
      for (const { first, bytes } of found) {
        const location = locate(state, first)?.location
        invariant(location !== undefined, "a living frame is known")
        if (!Number.isNaN(location)) opened.release(location, bytes)
        from = first + 1
      }
    }
  }
  let { recordNumber } = checkpoint
  for await (const record of opened.records) {
    recordNumber = record.recordNumber
    for (const { location, bytes } of record.frames) opened.release(location, bytes)
  }
  return { recordNumber, stale }
}
