/**
 * Owns: the way back from the chunks of a queue that was set aside: its last good state, then the
 * events that were kept. If they can be applied now, the queue is as any other; if not, it stays
 * aside and nothing of what is stored changes.
 */
import { type Generation, invariant, type Sequence } from "@skein/model"
import { isCatalogEvent } from "../catalog/CatalogEvent.js"
import { restoreQueue, type StateChunk } from "../checkpoint.js"
import { StoredPlaces, unpackPieces } from "../codec/asideChunks.js"
import { decodeEvents } from "../codec/eventCodec.js"
import { evolve } from "../evolve.js"
import { emptyQueue, locate, type QueueState, relocate } from "../QueueState.js"
import { blockOf } from "../state/Blocks.js"
import { Aside, numbersOf } from "./Aside.js"

export interface RecoveredQueue {
  readonly state: QueueState
  /** Keys of what was kept: to be dropped by the next checkpoint if the queue is well. */
  readonly kept: readonly string[]
  /** It is aside still, because of `cause`. */
  readonly fault?: { readonly aside: Aside; readonly cause: unknown }
}

/**
 * The queue that these chunks hold, whether it was set aside or not.
 * @throws SkeinError ShardCorrupt, VersionUnsupported
 */
export const recoverQueue = (
  generation: Generation,
  chunks: readonly StateChunk[],
): RecoveredQueue => {
  const prefix = `q${generation}/`
  const isKept = ({ key }: StateChunk): boolean =>
    key.startsWith(`${prefix}a`) || key.startsWith(`${prefix}f`)
  const kept = chunks.filter(isKept)
  if (kept.length === 0) return { state: restoreQueue(chunks), kept: [] }
  const rest = chunks.filter((chunk) => !isKept(chunk))
  const state = rest.length === 0 ? emptyQueue(generation) : restoreQueue(rest)
  const byKey = new Map(kept.map(({ key, bytes }) => [key, bytes]))
  const numbered = (kind: string): readonly (readonly [number, Uint8Array])[] =>
    numbersOf([...byKey.keys()], prefix + kind).map((number) => {
      const bytes = byKey.get(`${prefix}${kind}${number}`)
      invariant(bytes !== undefined, "a chunk's key does not name its number")
      return [number, bytes]
    })
  const places = new KeptPlaces(numbered("f").map(([index, of]) => new StoredPlaces(index, of)))
  const records = unpackPieces(numbered("a").map(([, bytes]) => bytes))
  places.putInto(state)
  try {
    for (const events of records) replay(state, events, places)
    return { state, kept: [...byKey.keys()] }
  } catch (cause) {
    const aside = new Aside(
      state,
      chunks.map(({ key }) => key),
    )
    places.rest(state, (first, location) => aside.place(first, location))
    return { state, kept: [...byKey.keys()], fault: { aside, cause } }
  }
}

const replay = (state: QueueState, events: Uint8Array, places: KeptPlaces): void => {
  for (const { event } of decodeEvents(events)) {
    invariant(!isCatalogEvent(event), "an event of the catalog stands in a queue's section")
    evolve(state, event)
    if (event._tag !== "FramePublished") continue
    const location = places.find(event.first)
    if (location !== undefined) relocate(state, event.first, location)
  }
}

/** Where frames lay when the queue was set aside, and since. */
class KeptPlaces {
  private readonly byBlock: ReadonlyMap<number, StoredPlaces>

  constructor(private readonly blocks: readonly StoredPlaces[]) {
    this.byBlock = new Map(blocks.map((block) => [block.index, block]))
  }

  find(first: Sequence): number | undefined {
    return this.byBlock.get(blockOf(first))?.find(first)
  }

  /**
   * What is not among the places had been given back to the journal already: it gets none, so that
   * its death in the replay is not told again.
   */
  putInto(state: QueueState): void {
    for (const { index } of this.blocks) {
      const block = state.blocks.byIndex.get(index)
      for (let at = 0; block !== undefined && at < block.frames.length; at++) {
        const first = block.base + block.frames.offset(at)
        const last = first + block.frames.count(at) - 1
        state.blocks.place({ block, at, first, last }, this.find(first) ?? Number.NaN)
      }
    }
  }

  /** Frames that the state does not hold, or not where they lie: an event was half applied. */
  rest(state: QueueState, visit: (first: Sequence, location: number) => void): void {
    for (const places of this.blocks) {
      places.each((first, location) => {
        if (locate(state, first)?.location !== location) visit(first, location)
      })
    }
  }
}
