/**
 * What happened when, as columns: at `doneMs` an answer came for `count` messages that were due
 * `latencyMs` before. Columns, because they cross from process to process by the hundred thousand.
 * Pure.
 */

export interface SampleColumns {
  readonly doneMs: Float64Array
  readonly latencyMs: Float32Array
  readonly count: Uint32Array
}

const capacityFirst = 256

export class Samples {
  private doneMs = new Float64Array(capacityFirst)
  private latencyMs = new Float32Array(capacityFirst)
  private count = new Uint32Array(capacityFirst)
  private size = 0

  get length(): number {
    return this.size
  }

  /** Not before the last one. */
  push(doneMs: number, latencyMs: number, count: number): void {
    if (this.size === this.doneMs.length) this.resize(2 * this.size)
    this.doneMs[this.size] = doneMs
    this.latencyMs[this.size] = latencyMs
    this.count[this.size++] = count
  }

  append({ doneMs, latencyMs, count }: SampleColumns): void {
    for (let at = 0; at < doneMs.length; at++) this.push(doneMs[at]!, latencyMs[at]!, count[at]!)
  }

  /** Views of what is there now: copy them to keep them over a push. */
  columns(): SampleColumns {
    return {
      doneMs: this.doneMs.subarray(0, this.size),
      latencyMs: this.latencyMs.subarray(0, this.size),
      count: this.count.subarray(0, this.size),
    }
  }

  /** Copies of all, and none are left. */
  drain(): SampleColumns {
    const { doneMs, latencyMs, count } = this.columns()
    const taken = { doneMs: doneMs.slice(), latencyMs: latencyMs.slice(), count: count.slice() }
    this.size = 0
    return taken
  }

  /** Forgets what was done before, but the last of it: a gap may begin there. */
  trim(beforeMs: number): void {
    const first = Math.max(0, firstAtOrAfter(this.columns().doneMs, beforeMs) - 1)
    this.doneMs.copyWithin(0, first, this.size)
    this.latencyMs.copyWithin(0, first, this.size)
    this.count.copyWithin(0, first, this.size)
    this.size -= first
  }

  private resize(capacity: number): void {
    const [doneMs, latencyMs, count] = [this.doneMs, this.latencyMs, this.count]
    this.doneMs = new Float64Array(capacity)
    this.latencyMs = new Float32Array(capacity)
    this.count = new Uint32Array(capacity)
    this.doneMs.set(doneMs)
    this.latencyMs.set(latencyMs)
    this.count.set(count)
  }
}

/** Index of the first time that is not before `ms`; the length when there is none. */
export const firstAtOrAfter = (ascending: Float64Array, ms: number): number => {
  let [low, high] = [0, ascending.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ascending[middle]! < ms) low = middle + 1
    else high = middle
  }
  return low
}
