/**
 * Owns: a few empty bit arrays, kept for reuse: a queue that is drained and filled again and again
 * would otherwise allocate 2 KiB each time. Only a cache: an array in it is all zero, so what a
 * state holds never depends on it.
 */
import { blockWords } from "./bits.js"

const spareMax = 64
const spare: Uint32Array[] = []

export const takeWords = (): Uint32Array => spare.pop() ?? new Uint32Array(blockWords)

/** `words` must be all zero, and its owner must forget it. */
export const giveWords = (words: Uint32Array): void => {
  if (spare.length < spareMax) spare.push(words)
}
