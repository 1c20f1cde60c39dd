/**
 * Knows how many publishes were in flight at a moment: sent, and no reply seen. Moments of the
 * last thousand batches can be asked for, so that a kill is judged by the time at which the
 * signal was sent, not by what was known before.
 */

/** A kill counts only with as many publishes in flight. */
export const inFlightForKillMin = 100

const endedKeptMax = 1_000

export interface Batch {
  readonly count: number
  readonly sentNs: number
  endedNs: number | undefined
}

export class InFlight {
  readonly #live = new Set<Batch>()
  readonly #ended: Array<Batch> = []
  #count = 0

  get count(): number {
    return this.#count
  }

  begin(count: number, sentNs: number): Batch {
    const batch: Batch = { count, sentNs, endedNs: undefined }
    this.#live.add(batch)
    this.#count += count
    return batch
  }

  end(batch: Batch, endedNs: number): void {
    batch.endedNs = endedNs
    this.#live.delete(batch)
    this.#count -= batch.count
    this.#ended.push(batch)
    if (this.#ended.length > endedKeptMax) this.#ended.shift()
  }

  /** Publishes in flight at `timeNs`. */
  at(timeNs: number): number {
    let count = 0
    for (const batch of [...this.#live, ...this.#ended]) {
      const open = batch.endedNs === undefined || batch.endedNs > timeNs
      if (batch.sentNs <= timeNs && open) count += batch.count
    }
    return count
  }
}
