/**
 * A small seeded generator (xorshift128 seeded by splitmix32): the same seed gives the same
 * run. Not for secrets. Forked streams keep one use of chance from shifting another.
 */
export class Prng {
  readonly #words = new Uint32Array(4)

  /** `seed` is any integer or text; equal seeds give equal streams. */
  constructor(readonly seed: number | string) {
    let mixed = 0x9e3779b9
    for (const unit of String(seed)) mixed = splitmix(mixed ^ (unit.codePointAt(0) ?? 0))
    for (let word = 0; word < 4; word++) {
      mixed = splitmix(mixed + word)
      this.#words[word] = mixed | (word === 0 ? 1 : 0)
    }
  }

  /** A stream of its own for one purpose. */
  fork(purpose: string): Prng {
    return new Prng(`${this.seed}/${purpose}`)
  }

  /** 32 random bits as a number from 0. */
  next(): number {
    const words = this.#words
    let mixed = words[3]
    mixed ^= mixed << 11
    mixed ^= mixed >>> 8
    words[3] = words[2]
    words[2] = words[1]
    words[1] = words[0]
    mixed ^= words[0] ^ (words[0] >>> 19)
    words[0] = mixed
    return mixed >>> 0
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor((this.next() / 2 ** 32) * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.next() / 2 ** 32 < probability
  }

  /** One of the items; undefined of an empty list. */
  pick<T>(items: ReadonlyArray<T>): T | undefined {
    return items.length === 0 ? undefined : items[this.between(0, items.length - 1)]
  }
}

const splitmix = (seed: number): number => {
  let mixed = (seed + 0x9e3779b9) | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return (mixed ^ (mixed >>> 15)) >>> 0
}
