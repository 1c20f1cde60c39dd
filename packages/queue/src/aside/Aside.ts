/**
 * Owns: what is kept of a queue whose state cannot be trusted any more: its chunks of the last
 * checkpoint stay as they are, and beside them come, written once, the events since then
 * (`a<number>`) and where its frames lie now (`f<block>`). With these a build that can apply the
 * events brings the queue back: see `recoverQueue`.
 *
 * The damaged state serves as the index of frames only. What it takes for dead and has not been
 * given back to the journal counts as living here: nothing of the queue is lost.
 */
import type { Sequence } from "@skein/model"
import type { StateDelta } from "../checkpoint.js"
import { packPieces, packPlaces } from "../codec/asideChunks.js"
import { locate, type QueueState, relocate } from "../QueueState.js"
import { blockOf } from "../state/Blocks.js"
import { storedKeys } from "../storedKeys.js"

interface Place {
  readonly location: number
  /** 0 when that is not known any more: nobody counts by it then. */
  readonly bytes: number
}

export class Aside {
  /** Every chunk that a checkpoint may hold of the queue. */
  readonly keys: Set<string>
  private readonly prefix: string
  /** Living frames that the state does not know, per block. */
  private readonly extra = new Map<number, Map<Sequence, Place>>()
  /** Blocks whose places are to be written. */
  private readonly changed: Set<number>
  /** Events that no checkpoint holds yet. */
  private kept: Uint8Array[] = []
  private pieces: number

  /** `stored`: keys of this queue that the checkpoint holds from an earlier time aside. */
  constructor(
    private readonly state: QueueState,
    stored: readonly string[],
  ) {
    this.prefix = `q${state.generation}/`
    this.keys = new Set([...storedKeys(state), ...stored])
    this.pieces = numbersOf(stored, `${this.prefix}a`).length
    const { blocks } = state
    this.changed = new Set([...blocks.gone, ...numbersOf(stored, `${this.prefix}f`)])
    blocks.gone = []
    for (const { first, location, bytes } of blocks.dead) this.place(first, location, bytes)
    blocks.dead = []
  }

  /** Events of a record that came after the last checkpoint. */
  keep(events: Uint8Array): void {
    this.kept.push(events)
  }

  /** `bytes`: as the frame was stored; absent when only its place is told. */
  place(first: Sequence, location: number, bytes?: number): void {
    const index = blockOf(first)
    const known = this.extra.get(index)?.get(first)
    if (known === undefined && relocate(this.state, first, location)) return
    if (Number.isNaN(location)) return
    let places = this.extra.get(index)
    if (places === undefined) {
      places = new Map()
      this.extra.set(index, places)
    }
    places.set(first, { location, bytes: bytes ?? known?.bytes ?? 0 })
    this.changed.add(index)
  }

  locate(first: Sequence): number | undefined {
    const known = this.extra.get(blockOf(first))?.get(first)
    return known?.location ?? locate(this.state, first)?.location
  }

  /** Every frame that was not given back, to be given back: the queue is deleted. */
  each(visit: (location: number, bytes: number) => void): void {
    for (const places of this.extra.values()) {
      for (const { location, bytes } of places.values()) visit(location, bytes)
    }
    for (const { index, base, frames } of this.state.blocks.byIndex.values()) {
      const places = this.extra.get(index)
      for (let at = 0; at < frames.length; at++) {
        const location = frames.location(at)
        if (frames.live(at) === 0 || Number.isNaN(location)) continue
        if (!places?.has(base + frames.offset(at))) visit(location, frames.bytes(at))
      }
    }
  }

  /** What changed since the last call. */
  delta(): StateDelta {
    const put: { key: string; bytes: Uint8Array }[] = []
    for (const bytes of packPieces(this.kept)) {
      put.push({ key: `${this.prefix}a${this.pieces++}`, bytes })
    }
    this.kept = []
    for (const block of this.state.blocks.byIndex.values()) {
      if (block.dirty) this.changed.add(block.index)
      block.dirty = false
    }
    for (const index of this.changed) {
      put.push({ key: `${this.prefix}f${index}`, bytes: packPlaces(index, this.placesOf(index)) })
    }
    this.changed.clear()
    for (const { key } of put) this.keys.add(key)
    return { put, drop: [] }
  }

  private placesOf(index: number): readonly (readonly [Sequence, number])[] {
    const places = new Map<Sequence, number>()
    for (const [first, { location }] of this.extra.get(index) ?? []) places.set(first, location)
    const block = this.state.blocks.byIndex.get(index)
    for (let at = 0; block !== undefined && at < block.frames.length; at++) {
      const first = block.base + block.frames.offset(at)
      const location = block.frames.location(at)
      // Of a frame without a place the journal knows where it lies.
      if (block.frames.live(at) === 0 || Number.isNaN(location) || places.has(first)) continue
      places.set(first, location)
    }
    return [...places].sort((a, b) => a[0] - b[0])
  }
}

export const numbersOf = (keys: readonly string[], prefix: string): readonly number[] =>
  keys
    .filter((key) => key.startsWith(prefix))
    .map((key) => Number(key.slice(prefix.length)))
    .sort((a, b) => a - b)
