/**
 * Owns: the dedup ids (16-byte hashes) of a window of journal time: a log of ids in chunks of
 * 4,096, oldest first, and a hash table over it in 64 parts, so that no growth of it takes long. A
 * part is open addressing with linear probing and backward-shift deletion (Knuth, vol. 3, 6.4,
 * algorithm R). Expired ids count as absent at once, and are taken out a bounded number at a time.
 * Durable.
 */
import { invariant } from "@skein/model"
import { type Lanes, mixNumber, mixWord, seedA, seedB } from "./Lanes.js"

export const dedupIdBytes = 16
export const dedupChunkIds = 4096

const parts = 64
const partRoomAtFirst = 16
const chunkRoomAtFirst = 16
/** Slots are kept modulo this; far more than a window holds. */
const slotsMod = 2 ** 31

export class DedupChunk {
  length = 0
  /** Four words an id. */
  ids = new Uint32Array(chunkRoomAtFirst * 4)
  times = new Float64Array(chunkRoomAtFirst)
  dirty = false
  saved = false

  constructor(readonly number: number) {}

  push(ids: Uint32Array, at: number, journalMs: number): void {
    if (this.length === this.times.length) {
      const room = Math.min(this.length * 4, dedupChunkIds)
      const wider = new Uint32Array(room * 4)
      wider.set(this.ids)
      this.ids = wider
      const later = new Float64Array(room)
      later.set(this.times)
      this.times = later
    }
    for (let word = 0; word < 4; word++) this.ids[this.length * 4 + word] = ids[at + word]
    this.times[this.length++] = journalMs
  }
}

class Part {
  count = 0
  /** 0: free; else a slot modulo {@link slotsMod}, plus 1. */
  slots = new Uint32Array(partRoomAtFirst)
}

/** A column of 16-byte ids as words, little-endian. */
export const dedupWords = (column: Uint8Array): Uint32Array => {
  const words = new Uint32Array(column.length >>> 2)
  for (let at = 0, byte = 0; at < words.length; at++, byte += 4) {
    words[at] =
      column[byte] | (column[byte + 1] << 8) | (column[byte + 2] << 16) | (column[byte + 3] << 24)
  }
  return words
}

/** Whether the id at word `at` is there: all zero stands for none. */
export const hasDedupId = (ids: Uint32Array, at: number): boolean =>
  (ids[at] | ids[at + 1] | ids[at + 2] | ids[at + 3]) !== 0

export const dedupHash = (ids: Uint32Array, at: number): number =>
  mixWord(mixWord(ids[at] ^ ids[at + 2], ids[at + 1]), ids[at + 3])

export const sameDedupId = (a: Uint32Array, atA: number, b: Uint32Array, atB: number): boolean =>
  a[atA] === b[atB] &&
  a[atA + 1] === b[atB + 1] &&
  a[atA + 2] === b[atB + 2] &&
  a[atA + 3] === b[atB + 3]

export class DedupWindow {
  /** Oldest first; numbers without gaps. */
  readonly chunks: DedupChunk[] = []
  /** Slots of the oldest id that is stored, and of the next one. */
  head = 0
  next = 0
  /** Numbers of saved chunks that went. */
  gone: number[] = []
  private table: (Part | undefined)[] | undefined

  constructor(private readonly lanes: Lanes) {}

  get stored(): number {
    return this.next - this.head
  }

  /** How many ids are younger than `afterMs`. The log is ordered by time: O(log n). */
  liveCount(afterMs: number): number {
    let low = this.head
    let high = this.next
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.timeOf(middle) <= afterMs) low = middle + 1
      else high = middle
    }
    return this.next - low
  }

  /** Journal time at which the id came last; -1 when it is not stored. */
  lastSeen(ids: Uint32Array, at: number): number {
    const hash = dedupHash(ids, at)
    const part = this.table?.[hash & (parts - 1)]
    if (part === undefined) return -1
    const place = this.placeOf(part, hash, ids, at)
    return part.slots[place] === 0 ? -1 : this.timeOf(this.slotOf(part.slots[place]))
  }

  /** Remembers an id that came at `journalMs`. */
  add(ids: Uint32Array, at: number, journalMs: number): void {
    const number = Math.floor(this.next / dedupChunkIds)
    let chunk = this.chunks.at(-1)
    if (chunk === undefined || chunk.number !== number) {
      chunk = new DedupChunk(number)
      this.chunks.push(chunk)
    }
    chunk.push(ids, at, journalMs)
    chunk.dirty = true
    const slot = this.next++
    this.index(ids, at, slot)
    this.tell(chunk.ids, (chunk.length - 1) * 4, journalMs, 1)
  }

  /** Takes out up to `max` ids that came at `untilMs` or before. */
  expire(untilMs: number, max: number): void {
    for (let left = max; left > 0 && this.head < this.next; left--) {
      const chunk = this.chunks[0]
      const at = this.head - chunk.number * dedupChunkIds
      if (chunk.times[at] > untilMs) return
      this.unindex(chunk.ids, at * 4, this.head)
      this.tell(chunk.ids, at * 4, chunk.times[at], -1)
      this.head++
      if (at + 1 === chunk.length) {
        this.chunks.shift()
        if (chunk.saved) this.gone.push(chunk.number)
        // The last chunk may not be full: go on at the start of the next one.
        this.head = (chunk.number + 1) * dedupChunkIds
        if (this.next < this.head) this.next = this.head
      }
    }
    if (this.head === this.next) this.table = undefined
  }

  clear(): void {
    this.expire(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
  }

  /** Puts back a chunk that was saved; chunks come in order, after `head` was set. */
  restore(chunk: DedupChunk): void {
    invariant(this.chunks.length === 0 || this.next % dedupChunkIds === 0, "a dedup chunk is short")
    chunk.saved = true
    this.chunks.push(chunk)
    this.next = chunk.number * dedupChunkIds + chunk.length
    for (let at = Math.max(this.head - chunk.number * dedupChunkIds, 0); at < chunk.length; at++) {
      this.index(chunk.ids, at * 4, chunk.number * dedupChunkIds + at)
      this.tell(chunk.ids, at * 4, chunk.times[at], 1)
    }
  }

  private timeOf(slot: number): number {
    const chunk = this.chunks[Math.floor(slot / dedupChunkIds) - this.chunks[0].number]
    return chunk.times[slot % dedupChunkIds]
  }

  private slotOf(stored: number): number {
    const ahead = (stored - 1 - (this.head % slotsMod) + slotsMod) % slotsMod
    return this.head + ahead
  }

  /** The place of the id in the part, or the free place where it belongs. */
  private placeOf(part: Part, hash: number, ids: Uint32Array, at: number): number {
    const mask = part.slots.length - 1
    let place = (hash >>> 6) & mask
    while (part.slots[place] !== 0 && !this.isAt(part.slots[place], ids, at)) {
      place = (place + 1) & mask
    }
    return place
  }

  private isAt(stored: number, ids: Uint32Array, at: number): boolean {
    const slot = this.slotOf(stored)
    const chunk = this.chunks[Math.floor(slot / dedupChunkIds) - this.chunks[0].number]
    return sameDedupId(chunk.ids, (slot % dedupChunkIds) * 4, ids, at)
  }

  private index(ids: Uint32Array, at: number, slot: number): void {
    const hash = dedupHash(ids, at)
    this.table ??= new Array<Part | undefined>(parts).fill(undefined)
    const part = this.table[hash & (parts - 1)] ?? new Part()
    this.table[hash & (parts - 1)] = part
    const place = this.placeOf(part, hash, ids, at)
    // An id that expired but is still stored comes again: the newer slot takes its place.
    if (part.slots[place] === 0) part.count++
    part.slots[place] = (slot % slotsMod) + 1
    if (part.count * 4 > part.slots.length * 3) this.growPart(part)
  }

  private growPart(part: Part): void {
    const old = part.slots
    part.slots = new Uint32Array(old.length * 2)
    const mask = part.slots.length - 1
    for (const stored of old) {
      if (stored === 0) continue
      let place = this.homeOf(stored) & mask
      while (part.slots[place] !== 0) place = (place + 1) & mask
      part.slots[place] = stored
    }
  }

  private homeOf(stored: number): number {
    const slot = this.slotOf(stored)
    const chunk = this.chunks[Math.floor(slot / dedupChunkIds) - this.chunks[0].number]
    return dedupHash(chunk.ids, (slot % dedupChunkIds) * 4) >>> 6
  }

  private unindex(ids: Uint32Array, at: number, slot: number): void {
    const hash = dedupHash(ids, at)
    const part = this.table?.[hash & (parts - 1)]
    invariant(part !== undefined, "a dedup id is stored but not indexed")
    const mask = part.slots.length - 1
    let free = this.placeOf(part, hash, ids, at)
    if (part.slots[free] !== (slot % slotsMod) + 1) return
    part.slots[free] = 0
    part.count--
    for (let place = (free + 1) & mask; part.slots[place] !== 0; place = (place + 1) & mask) {
      const home = this.homeOf(part.slots[place]) & mask
      // It may move back to the free place only if that lies between its home and where it is.
      if (((place - home) & mask) < ((place - free) & mask)) continue
      part.slots[free] = part.slots[place]
      part.slots[place] = 0
      free = place
    }
  }

  private tell(ids: Uint32Array, at: number, journalMs: number, weight: number): void {
    let a = mixNumber(seedA, journalMs)
    let b = mixNumber(seedB, journalMs)
    for (let word = at; word < at + 4; word++) {
      a = mixWord(a, ids[word])
      b = mixWord(b, ids[word])
    }
    this.lanes.point(a, b, weight)
  }
}
