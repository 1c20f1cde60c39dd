/**
 * Owns: the mixing behind the digest: two 32-bit sums over facts, so that the order in which facts
 * came does not matter and a fact can be taken out again.
 * A fact about a message weighs `g(kind, sequence + 1) - g(kind, sequence)`: the sum over a range
 * telescopes to two values of `g`, so a range of any length costs the same.
 * Source of the finalizer's constants: MurmurHash3 (Appleby) and lowbias32 (Wellons).
 */

/** Kinds of facts about sequences (or block numbers). Append only: they are part of checkpoints. */
export const Fact = {
  unsettled: 1,
  flagged: 2,
  open: 3,
  failed: 4,
  returned: 5,
  touched: 6,
  settledBy: 7,
} as const
export type Fact = (typeof Fact)[keyof typeof Fact]

const twoTo32 = 4_294_967_296

const finish = (hash: number): number => {
  let x = hash ^ (hash >>> 16)
  x = Math.imul(x, 0x7feb352d)
  x ^= x >>> 15
  x = Math.imul(x, 0x846ca68b)
  return x ^ (x >>> 16)
}

/** One step of a chain over 32-bit words. */
export const mixWord = (hash: number, word: number): number =>
  finish(Math.imul(hash ^ word, 0x9e3779b1) + 0x85ebca6b)

/** One step of a chain over safe integers (negative ones too). */
export const mixNumber = (hash: number, value: number): number =>
  mixWord(mixWord(hash, value >>> 0), Math.floor(value / twoTo32) | 0)

export const mixText = (hash: number, text: string): number => {
  let mixed = mixWord(hash, text.length)
  for (let at = 0; at < text.length; at++) mixed = mixWord(mixed, text.charCodeAt(at))
  return mixed
}

export const mixBytes = (hash: number, bytes: Uint8Array): number => {
  let mixed = mixWord(hash, bytes.length)
  for (let at = 0; at < bytes.length; at++) mixed = mixWord(mixed, bytes[at])
  return mixed
}

const atSequence = (seed: number, kind: Fact, sequence: number): number =>
  finish(
    Math.imul((sequence >>> 0) ^ (seed + Math.imul(kind, 0x27d4eb2f)), 0x9e3779b1) ^
      Math.imul(Math.floor(sequence / twoTo32), 0xc2b2ae35),
  )

export const seedA = 0x51ed270b
export const seedB = 0x2c1b3c6d

/** The two sums. All arithmetic is modulo 2^32. */
export class Lanes {
  a = 0
  b = 0

  /** Adds `weight` times the facts of `first..last`; a negative weight takes them out. O(1). */
  span(kind: Fact, first: number, last: number, weight: number): void {
    const a = atSequence(seedA, kind, last + 1) - atSequence(seedA, kind, first)
    const b = atSequence(seedB, kind, last + 1) - atSequence(seedB, kind, first)
    this.a = (this.a + Math.imul(a, weight)) | 0
    this.b = (this.b + Math.imul(b, weight)) | 0
  }

  /** Adds `weight` times a fact that the caller has hashed under both seeds. */
  point(a: number, b: number, weight: number): void {
    this.a = (this.a + Math.imul(a, weight)) | 0
    this.b = (this.b + Math.imul(b, weight)) | 0
  }
}

/** `a` and `b` as 16 hexadecimal digits. */
export const hexOf = (a: number, b: number): string =>
  (a >>> 0).toString(16).padStart(8, "0") + (b >>> 0).toString(16).padStart(8, "0")
