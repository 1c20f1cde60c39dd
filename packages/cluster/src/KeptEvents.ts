/**
 * Owns: the events of a shard's records since its last checkpoint, for actors that are set aside:
 * such an actor stores them as they are. They are packed one behind the other, as copies: what is
 * given may be a part of a large buffer, and a buffer for each would cost more than its bytes.
 * Must not know: what the events mean.
 *
 * As bounded as what the journal keeps of a shard between checkpoints, without its frames. A slab
 * is half as large as all before it, within bounds: a shard at rest holds little, a busy one holds
 * few slabs.
 * In a slab, repeated: length u32, that many bytes.
 */
import type { Generation } from "@skein/model"
import { decodeSections } from "./RecordSections.js"
import type { ShardActor } from "./ShardActor.js"

const headBytes = 4
const slabBytesMin = 2_048
const slabBytesMax = 65_536

interface Slab {
  readonly bytes: Uint8Array
  readonly view: DataView
  used: number
}

export class KeptEvents {
  private slabs: Slab[] = []
  private size = 0

  /** Bytes held, used or not. */
  get heldBytes(): number {
    let held = 0
    for (const { bytes } of this.slabs) held += bytes.length
    return held
  }

  /** The events of the next record, as `encodeSections` makes them. */
  add(events: Uint8Array): void {
    const slab = this.slabFor(headBytes + events.length)
    slab.view.setUint32(slab.used, events.length, true)
    slab.bytes.set(events, slab.used + headBytes)
    slab.used += headBytes + events.length
    this.size += headBytes + events.length
  }

  /** Gives each actor that is set aside its own, in order; then, as always, nothing is left. */
  giveOut(actors: ReadonlyMap<Generation, Pick<ShardActor, "isAside" | "keep">>): void {
    const { slabs } = this
    this.clear()
    if (![...actors.values()].some((actor) => actor.isAside())) return
    for (const slab of slabs) {
      for (const events of recordsOf(slab)) {
        for (const section of decodeSections(events)) {
          const actor = actors.get(section.generation)
          if (actor?.isAside() && section.events.length > 0) actor.keep(section.events)
        }
      }
    }
  }

  clear(): void {
    this.slabs = []
    this.size = 0
  }

  private slabFor(bytes: number): Slab {
    const last = this.slabs.at(-1)
    if (last !== undefined && last.used + bytes <= last.bytes.length) return last
    const usual = Math.min(Math.max(this.size >>> 1, slabBytesMin), slabBytesMax)
    const buffer = new ArrayBuffer(Math.max(usual, bytes))
    const slab = { bytes: new Uint8Array(buffer), view: new DataView(buffer), used: 0 }
    this.slabs.push(slab)
    return slab
  }
}

function* recordsOf({ bytes, view, used }: Slab): Generator<Uint8Array> {
  let at = 0
  while (at < used) {
    const end = at + headBytes + view.getUint32(at, true)
    yield bytes.subarray(at + headBytes, end)
    at = end
  }
}
