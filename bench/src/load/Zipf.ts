/**
 * Which of many queues the next message goes to, when few of them are popular: the k-th has a
 * weight of 1 / k^exponent (G. K. Zipf, Human Behavior and the Principle of Least Effort, 1949).
 * Pure: seeded, so that a run can be repeated.
 */

/** Shares of `count` queues, the most popular first; they sum to 1. Exponent 0: all alike. */
export const zipfShares = (count: number, exponent: number): readonly number[] => {
  const weights = Array.from({ length: count }, (_, index) => (index + 1) ** -exponent)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map((weight) => weight / sum)
}

/** Draws indexes by their shares. */
export class Sampler {
  private readonly upTo: Float64Array
  private state: number

  constructor(shares: readonly number[], seed: number) {
    let sum = 0
    this.upTo = Float64Array.from(shares, (share) => {
      sum += share
      return sum
    })
    this.state = seed >>> 0
  }

  next(): number {
    const wanted = this.random() * this.upTo[this.upTo.length - 1]!
    let [low, high] = [0, this.upTo.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.upTo[middle]! <= wanted) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Mulberry32 (Tommy Ettinger, public domain): 0 up to 1. */
  private random(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let word = Math.imul(this.state ^ (this.state >>> 15), this.state | 1)
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32
  }
}
