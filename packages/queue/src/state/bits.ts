/**
 * Owns: the four bits of a message. Eight messages lie in a 32-bit word, one in each lane of four
 * bits, so that ranges are read and changed a word at a time.
 *
 * ```
 *   bit 0-1  0 settled or not there   1 ready   2 leased   3 kept for "held" (delay, dead letters)
 *   bit 2    flagged: may have been delivered before
 *   bit 3    open: a delivery of it is journaled and has not ended
 * ```
 */
import { limits } from "@skein/model"

export const ready = 1
export const leased = 2
export const flagged = 4
export const open = 8

export const blockMessages = limits.blockMessages
export const blockWords = blockMessages / 8

/** The low bit of each lane; of states: all ready. */
export const low = 0x11111111
export const allLeased = low << 1
export const stateBits = low * 3

/** All bits of the lanes of `word` that lie in the offsets `first..last`. */
export const laneMask = (word: number, first: number, last: number): number => {
  const start = first - word * 8
  const end = last - word * 8
  const above = start <= 0 ? -1 : -1 << (start * 4)
  const below = end >= 7 ? -1 : (1 << ((end + 1) * 4)) - 1
  return above & below
}

/** Lanes (as their low bits) that are ready, leased, unsettled. */
export const readyLanes = (word: number): number => word & ~(word >>> 1) & low
export const leasedLanes = (word: number): number => (word >>> 1) & ~word & low
export const unsettledLanes = (word: number): number => (word | (word >>> 1)) & low

/** How many low bits of lanes are set in `lanes` (0 to 8). */
export const countLanes = (lanes: number): number => Math.imul(lanes, low) >>> 28

/** Position (0 to 7) of the first lane whose low bit is set; `lanes` is not 0. */
export const firstLane = (lanes: number): number => (31 - Math.clz32(lanes & -lanes)) >>> 2

/** Widens low bits of lanes to all four bits. */
export const wholeLanes = (lanes: number): number => Math.imul(lanes, 15)

export type Select = (word: number) => number
export const flaggedLanes: Select = (word) => (word >>> 2) & low
export const openLanes: Select = (word) => (word >>> 3) & low
