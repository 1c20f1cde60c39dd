/**
 * Owns: things that are due, the earliest on top. Each item knows its place, so that it can be
 * moved and taken out without a search.
 */

export interface Due {
  untilMs: number
  /** Place in the heap; -1 when it is not in it. */
  heapAt: number
}

/** Never added to. */
const nothing: never[] = []

export class DueHeap<Item extends Due> {
  /** One item lies in an array of its size, none in one that all heaps share. */
  private items: Item[] = nothing

  get size(): number {
    return this.items.length
  }

  /** In no particular order. */
  get all(): readonly Item[] {
    return this.items
  }

  /** When the earliest item is due; Infinity when there is none. */
  get nextMs(): number {
    return this.items.length === 0 ? Number.POSITIVE_INFINITY : this.items[0].untilMs
  }

  add(item: Item): void {
    item.heapAt = this.items.length
    if (this.items.length === 0) this.items = [item]
    else this.items.push(item)
    this.rise(item)
  }

  remove(item: Item): void {
    const last = this.items.pop()
    if (this.items.length === 0) this.items = nothing
    if (last === undefined || last === item) {
      item.heapAt = -1
      return
    }
    last.heapAt = item.heapAt
    this.items[last.heapAt] = last
    item.heapAt = -1
    this.moved(last)
  }

  /** The item's time has changed. */
  moved(item: Item): void {
    this.rise(item)
    this.sink(item)
  }

  /** Every item is due `byMs` later. */
  shift(byMs: number): void {
    for (const item of this.items) item.untilMs += byMs
  }

  /** Items that are due at `nowMs`, in no particular order. Changes nothing. */
  dueAt(nowMs: number): Item[] {
    const due: Item[] = []
    const places = [0]
    for (let place = places.pop(); place !== undefined; place = places.pop()) {
      if (place >= this.items.length || this.items[place].untilMs > nowMs) continue
      due.push(this.items[place])
      places.push(place * 2 + 1, place * 2 + 2)
    }
    return due
  }

  private rise(item: Item): void {
    let at = item.heapAt
    while (at > 0) {
      const above = (at - 1) >>> 1
      const parent = this.items[above]
      if (parent.untilMs <= item.untilMs) break
      this.items[at] = parent
      parent.heapAt = at
      at = above
    }
    this.items[at] = item
    item.heapAt = at
  }

  private sink(item: Item): void {
    let at = item.heapAt
    for (;;) {
      let below = at * 2 + 1
      if (below >= this.items.length) break
      const right = below + 1
      if (right < this.items.length && this.items[right].untilMs < this.items[below].untilMs) {
        below = right
      }
      const child = this.items[below]
      if (child.untilMs >= item.untilMs) break
      this.items[at] = child
      child.heapAt = at
      at = below
    }
    this.items[at] = item
    item.heapAt = at
  }
}
