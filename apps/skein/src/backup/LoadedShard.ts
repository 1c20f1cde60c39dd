/**
 * Owns: a shard of a backup as state: the queues and the catalog that its chunks hold, with their
 * digests checked, while its frames come by. Every living frame has to come, once, as large as the
 * state says.
 * Must not know: files, where frames go.
 */
import { type Generation, invariant, skeinError } from "@skein/model"
import {
  type CatalogState,
  emptyCatalog,
  generationOfKey,
  isCatalogKey,
  locate,
  type QueueState,
  restoreCatalog,
  restoreQueue,
  unlocatedFrames,
  unplaceFrames,
} from "@skein/queue"
import type { ChunkItem, FrameItem } from "./shardFile.js"

export class LoadedShard {
  readonly queues = new Map<Generation, QueueState>()
  /** Of no queue: they are restored as they are. */
  readonly others: ChunkItem[] = []
  /** Queues that `keeps` left out. */
  readonly left: Generation[] = []
  catalog: CatalogState = emptyCatalog()
  private chunks: Map<Generation, ChunkItem[]> | undefined = new Map()
  private readonly catalogChunks: ChunkItem[] = []
  private last = { generation: 0, first: 0 }

  /**
   * `keeps`: whether a queue is wanted; one that was deleted while the backup ran is not. `path`:
   * for messages.
   */
  constructor(
    private readonly path: string,
    private readonly keeps: (generation: Generation) => boolean,
  ) {}

  chunk(chunk: ChunkItem): void {
    const generation = generationOfKey(chunk.key)
    if (isCatalogKey(chunk.key)) this.catalogChunks.push(chunk)
    else if (generation === undefined) this.others.push(chunk)
    else {
      invariant(this.chunks !== undefined, "chunks come before frames")
      const list = this.chunks.get(generation)
      if (list === undefined) this.chunks.set(generation, [chunk])
      else list.push(chunk)
    }
  }

  /** All chunks are there. Again: nothing. */
  build(): void {
    const { chunks } = this
    if (chunks === undefined) return
    this.chunks = undefined
    try {
      if (this.catalogChunks.length > 0) this.catalog = restoreCatalog(this.catalogChunks)
      for (const [generation, list] of chunks) {
        if (!this.keeps(generation)) {
          this.left.push(generation)
          continue
        }
        const state = restoreQueue(list)
        unplaceFrames(state)
        this.queues.set(generation, state)
      }
    } catch (cause) {
      throw this.damaged(cause instanceof Error ? cause.message : String(cause), cause)
    }
  }

  /** `false`: its queue is not wanted. */
  frame({ generation, first, bytes }: FrameItem): boolean {
    this.build()
    const state = this.queues.get(generation)
    if (state === undefined) {
      if (this.left.includes(generation)) return false
      throw this.damaged(`a frame of generation ${generation}, which it does not hold`)
    }
    const { last } = this
    const isNext = generation > last.generation || first > last.first
    if (generation < last.generation || !isNext) throw this.damaged("frames out of order")
    if (locate(state, first)?.bytes !== bytes.length) {
      throw this.damaged(`a frame of generation ${generation} at ${first} that it does not know`)
    }
    this.last = { generation, first }
    return true
  }

  /** How many living frames of it have no place yet. */
  get missing(): number {
    let frames = 0
    for (const state of this.queues.values()) frames += unlocatedFrames(state)
    return frames
  }

  /** All frames came and have a place. */
  complete(): void {
    this.build()
    const { missing } = this
    if (missing > 0) throw this.damaged(`${missing} frames are missing`)
  }

  private damaged(what: string, cause?: unknown) {
    const detail = `${this.path}: ${what}`
    return skeinError("BackupDamaged", detail, { file: this.path }, { cause })
  }
}
