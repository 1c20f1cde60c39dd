/**
 * Owns: reproducible randomness for tests and simulation: equal seeds, equal runs. Not for secrets.
 * The generator is sfc32 (Chris Doty-Humphrey, PractRand), seeded by splitmix32.
 */
import type { Random } from "@skein/model"

export class SeededRandom implements Random {
  #a: number
  #b: number
  #c: number
  #count = 1

  constructor(seed: number) {
    const next = splitmix32(seed)
    this.#a = next()
    this.#b = next()
    this.#c = next()
    for (let warmUp = 0; warmUp < 12; warmUp++) this.u32()
  }

  /** 0 … 2^32 - 1 */
  u32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + sum) | 0
    return sum >>> 0
  }

  /** 0 … `bound` - 1 */
  below(bound: number): number {
    return bound <= 1 ? 0 : Math.floor((this.u32() / 0x1_0000_0000) * bound)
  }

  /** `true` with the probability given. */
  chance(probability: number): boolean {
    return this.u32() < probability * 0x1_0000_0000
  }

  readonly bytes = (count: number): Uint8Array => {
    const bytes = new Uint8Array(count)
    for (let at = 0; at < count; at++) bytes[at] = this.u32() & 0xff
    return bytes
  }

  /** A generator of its own for one part of a run: parts do not disturb each other. */
  fork(): SeededRandom {
    return new SeededRandom(this.u32())
  }
}

const splitmix32 = (seed: number) => {
  let state = seed | 0
  return (): number => {
    state = (state + 0x9e37_79b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0_aaad)
    mixed = mixed ^ (mixed >>> 15)
    mixed = Math.imul(mixed, 0x735a_2d97)
    return (mixed ^ (mixed >>> 15)) | 0
  }
}
