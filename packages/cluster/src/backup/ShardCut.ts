/**
 * Owns: a shard as it was at the end of one record, while a backup reads it in pages: its actors'
 * state, packed at that moment, and its frames, which stay readable until they were read.
 * Must not know: what chunks and frames mean, how pages travel.
 *
 * Interleavings: consumers go on. A frame of the cut that dies is held: the host neither gives it
 * back nor lets the cleaner drop it, and the cleaner's copies of it are noted here. A page's frames
 * count as read only when all of them are here, so what dies during the reading is held too.
 * Bounded: the packed state, `limits.backupHeldFramesMax` held frames, `limits.backupIdleMs`
 * without a reader; beyond, the cut ends, what it held is given back, and the reader begins again.
 * The last page of all is given only if every frame of the cut was.
 */
import type { FrameKey, Location, OpenedShard } from "@skein/journal"
import {
  asSkeinError,
  type Clock,
  type Generation,
  limits,
  type Sequence,
  type Shard,
  type SkeinError,
  shardName,
  skeinError,
} from "@skein/model"
import type { ActorChunk, ActorFrame, ShardActor } from "../ShardActor.js"

export interface CutHead {
  /** Tells this cut from every other of the shard, of other owners too. */
  readonly id: string
  readonly epoch: number
  /** The last record that is in it. */
  readonly recordNumber: number
  readonly journalMs: number
  readonly chunks: number
  readonly chunkBytes: number
  readonly frames: number
  readonly frameBytes: number
  /** Queues that are set aside: nothing of them is in it. */
  readonly aside: readonly Generation[]
}

export interface CutFrame extends FrameKey {
  readonly bytes: Uint8Array
}

export interface CutPage {
  readonly chunks: readonly ActorChunk[]
  readonly frames: readonly CutFrame[]
  readonly last: boolean
}

/** What a cut needs of its host. */
export interface CutHost {
  readonly shard: Shard
  readonly opened: OpenedShard
  readonly actors: ReadonlyMap<Generation, ShardActor>
  readonly locate: (key: FrameKey) => Location | undefined
  /** Gives a frame back to the journal. */
  readonly release: (location: Location, bytes: number) => void
}

/** Frames of one actor, of which those before `from` were read. */
interface Part {
  readonly generation: Generation
  readonly below: Sequence
  from: Sequence
  readonly held: Map<Sequence, Held>
}

interface Held {
  location: Location
  readonly bytes: number
}

/** Frames read at once. */
const readsAtOnce = 64

export class ShardCut {
  readonly head: CutHead
  private readonly parts = new Map<Generation, Part>()
  private readonly chunks: ActorChunk[]
  private heldFrames = 0
  private framesRead = 0
  private pages = 0
  private newest: Promise<CutPage> | undefined
  private endedBy: SkeinError | undefined
  private stopIdling: () => void = () => {}

  /** Packs the state now: the host has just closed its record. */
  constructor(
    private readonly host: CutHost,
    private readonly clock: Clock,
    at: Pick<CutHead, "id" | "journalMs" | "recordNumber">,
    more: ActorChunk,
  ) {
    const aside: Generation[] = []
    const chunks = [more]
    let [frames, frameBytes] = [0, 0]
    for (const actor of actorsOf(host)) {
      const { generation } = actor
      const state = actor.whole()
      if (state === undefined) {
        aside.push(generation)
        continue
      }
      for (const chunk of state.chunks) chunks.push(chunk)
      frames += state.frames
      frameBytes += state.frameBytes
      if (state.frames === 0) continue
      this.parts.set(generation, { generation, below: state.below, from: 1, held: new Map() })
    }
    const chunkBytes = chunks.reduce((sum, { bytes }) => sum + bytes.length, 0)
    const { epoch } = host.opened
    this.head = { ...at, epoch, chunks: chunks.length, chunkBytes, frames, frameBytes, aside }
    this.chunks = chunks.reverse()
    this.awaitReader()
  }

  /** A frame has died. `true`: the cut needs it, and gives it back itself. */
  holds({ generation, first }: FrameKey, location: Location, bytes: number): boolean {
    const part = this.parts.get(generation)
    if (part === undefined || first < part.from || first >= part.below) return false
    if (this.heldFrames >= limits.backupHeldFramesMax) {
      this.end("consumers were faster than the backup")
      return false
    }
    this.heldFrames += 1
    part.held.set(first, { location, bytes })
    return true
  }

  /** Where a frame lies that only the cut needs. */
  locate({ generation, first }: FrameKey): Location | undefined {
    return this.parts.get(generation)?.held.get(first)?.location
  }

  /** `false`: the cut does not hold it. */
  relocate({ generation, first }: FrameKey, to: Location): boolean {
    const held = this.parts.get(generation)?.held.get(first)
    if (held === undefined) return false
    held.location = to
    return true
  }

  /**
   * The pages in order, from 1; the newest again as often as it is asked for. Rejects with
   * BackupEnded, or ShardCorrupt when a frame is damaged.
   */
  page(number: number): Promise<CutPage> {
    if (this.endedBy !== undefined) return Promise.reject(this.endedBy)
    this.awaitReader()
    if (number === this.pages && this.newest !== undefined) return this.newest
    if (number !== this.pages + 1) {
      return Promise.reject(this.error(`page ${number} is not the next after ${this.pages}`))
    }
    this.pages = number
    const before = this.newest
    const page = before === undefined ? this.read() : before.then(() => this.read())
    this.newest = page
    page.catch((cause: unknown) => this.end(`page ${number}: ${asSkeinError(cause).detail}`))
    return page
  }

  /** Gives back what it holds. Again: nothing. */
  end(why: string): void {
    if (this.endedBy !== undefined) return
    this.endedBy = this.error(why)
    this.stopIdling()
    this.chunks.length = 0
    for (const part of this.parts.values()) this.giveBack(part, Number.POSITIVE_INFINITY)
    this.parts.clear()
    this.newest = undefined
  }

  private error(why: string): SkeinError {
    const { shard } = this.host
    return skeinError("BackupEnded", `${shardName(shard)}: ${why}`, { shard })
  }

  private awaitReader(): void {
    this.stopIdling()
    const seconds = limits.backupIdleMs / 1_000
    this.stopIdling = this.clock.setTimer(limits.backupIdleMs, () =>
      this.end(`nobody read it for ${seconds} s`),
    )
  }

  private async read(): Promise<CutPage> {
    if (this.chunks.length > 0) return { chunks: this.nextChunks(), frames: [], last: false }
    for (const part of this.parts.values()) {
      const keys = this.nextFrames(part)
      if (keys.length === 0) {
        this.parts.delete(part.generation)
        continue
      }
      const frames = await this.readFrames(part.generation, keys)
      if (this.endedBy !== undefined) throw this.endedBy
      part.from = frames[frames.length - 1].first + 1
      this.giveBack(part, part.from)
      this.framesRead += frames.length
      return { chunks: [], frames, last: false }
    }
    if (this.framesRead === this.head.frames) return { chunks: [], frames: [], last: true }
    // Nothing that is not whole may look as if it were.
    this.end(`${this.head.frames - this.framesRead} of its frames are gone`)
    throw this.endedBy
  }

  private nextChunks(): readonly ActorChunk[] {
    const found: ActorChunk[] = []
    let room = limits.backupPageBytes
    for (let next = this.chunks.pop(); next !== undefined; next = this.chunks.pop()) {
      if (found.length > 0 && next.bytes.length > room) {
        this.chunks.push(next)
        break
      }
      found.push(next)
      room -= next.bytes.length
    }
    return found
  }

  /** Living and held ones together, in order. */
  private nextFrames(part: Part): readonly ActorFrame[] {
    const actor = this.host.actors.get(part.generation)
    const living = actor?.isAside() ? [] : (actor?.framesFrom(part.from, part.below) ?? [])
    const upTo = living.length === 0 ? part.below : living[living.length - 1].first
    const frames = [...living]
    for (const [first, { bytes }] of part.held) if (first <= upTo) frames.push({ first, bytes })
    frames.sort((a, b) => a.first - b.first)
    const found: ActorFrame[] = []
    let room = limits.backupPageBytes
    for (const frame of frames) {
      const isFull = found.length >= limits.backupPageFramesMax || frame.bytes > room
      if (found.length > 0 && isFull) break
      found.push(frame)
      room -= frame.bytes
    }
    return found
  }

  private async readFrames(
    generation: Generation,
    wanted: readonly ActorFrame[],
  ): Promise<readonly CutFrame[]> {
    const frames: CutFrame[] = []
    for (let at = 0; at < wanted.length; at += readsAtOnce) {
      const some = wanted.slice(at, at + readsAtOnce)
      frames.push(...(await Promise.all(some.map((frame) => this.readFrame(generation, frame)))))
    }
    return frames
  }

  private async readFrame(generation: Generation, { first, bytes }: ActorFrame): Promise<CutFrame> {
    const key = { generation, first }
    const location = this.host.locate(key)
    if (this.endedBy !== undefined) throw this.endedBy
    if (location === undefined) throw this.error("a frame of it is gone")
    return { ...key, bytes: await this.host.opened.read(key, location, bytes) }
  }

  private giveBack(part: Part, below: Sequence): void {
    for (const [first, { location, bytes }] of part.held) {
      if (first >= below) continue
      part.held.delete(first)
      this.heldFrames -= 1
      this.host.release(location, bytes)
    }
  }
}

/** In the order of generations. */
const actorsOf = ({ actors }: CutHost): readonly ShardActor[] =>
  [...actors.values()].sort((a, b) => a.generation - b.generation)
