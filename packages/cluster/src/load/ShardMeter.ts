/**
 * Owns: what a shard host counts of its work, as plain numbers that only grow, and the share of
 * slow confirms in buckets. Counting is a few additions a record.
 * Must not know: clocks; who reads it.
 */

/** Upper ends of the buckets: 0.25 ms, and each the square root of 2 times the one before. */
const buckets = 40
const firstMs = 0.25

export class ShardMeter {
  /** Published and delivered. */
  messages = 0
  bytes = 0
  /** The node's thread worked so long for the shard. */
  busyMs = 0
  /** Messages that wait now. */
  depth = 0
  private readonly confirms = new Uint32Array(buckets)

  /** `frames` of one record were confirmed `ms` after the first of them was there. */
  confirmed(ms: number, frames: number): void {
    this.confirms[bucketOf(ms)] += frames
  }

  /** The 99th percentile of the confirms since the last call, to the next bucket's end; 0: none. */
  takeConfirmP99Ms(): number {
    let all = 0
    for (const count of this.confirms) all += count
    let left = Math.ceil(all * 0.99)
    let at = 0
    for (; left > 0; at++) left -= this.confirms[at]
    this.confirms.fill(0)
    return all === 0 ? 0 : endOf(at - 1)
  }
}

const endOf = (bucket: number): number => firstMs * 2 ** (bucket / 2)

const bucketOf = (ms: number): number =>
  ms <= firstMs ? 0 : Math.min(buckets - 1, Math.ceil(2 * Math.log2(ms / firstMs)))
