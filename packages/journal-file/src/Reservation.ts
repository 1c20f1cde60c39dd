/**
 * Owns: room set aside before a command is decided, so that an append never meets a full disk.
 * Room is what log segments are prepared for, and what the file system says is free. The last
 * eighth of what may be uncleaned is kept for settles: consuming makes room, publishing takes it.
 * Some is left to the cleaner: to empty a log segment it first copies what is live.
 */

import { type SkeinError, skeinError } from "@skein/model"

/** A segment's part that framing of batches in flight may take beyond the records' own bytes. */
const framingShare = 256

/** Free bytes that neither commits nor new segments may take. */
export const cleanerBytes = (uncleanedBytesMax: number, segmentBytes: number): number =>
  uncleanedBytesMax / 4 + segmentBytes / 2

/** What a new fabric needs to take its first messages: two log segments, and the cleaner's part. */
export const leastBytes = (uncleanedBytesMax: number, segmentBytes: number): number =>
  firstSegmentBytes(segmentBytes) + segmentBytes + cleanerBytes(uncleanedBytesMax, segmentBytes)

/** A process that does little keeps little. */
export const firstSegmentBytes = (segmentBytes: number): number =>
  Math.min(segmentBytes, Math.max(segmentBytes / 8, 64 * 1024))

/**
 * So many times what may be uncleaned may be in the log when the cleaner gets no further: then no
 * more is published, a while later nothing is settled, and at last no commit begins a segment. The
 * last bound is for commits that set no room aside: a pass may have to wait for some of those.
 */
export const uncleanedTimesMax = { publish: 2, settle: 3, roll: 16 } as const

export class Reservation {
  #reservedBytes = 0
  /** Free bytes on the disk, as last looked up, less what this journal's files grew since. */
  #freeBytes: number

  constructor(
    readonly log: { readonly preparedBytes: number; readonly bytes: number },
    /** Free room is of use only where a whole segment fits. */
    readonly segmentBytes: number,
    /** An eighth of it is kept for settles. */
    readonly uncleanedBytesMax: number,
    freeBytes: number,
  ) {
    this.#freeBytes = freeBytes
  }

  get freeBytes(): number {
    return this.#freeBytes
  }

  set freeBytes(bytes: number) {
    this.#freeBytes = bytes
  }

  /** The journal's own files grow by so much. */
  spend(bytes: number): void {
    this.#freeBytes = Math.max(0, this.#freeBytes - bytes)
  }

  get reservedBytes(): number {
    return this.#reservedBytes
  }

  take(bytes: number, purpose: "publish" | "settle"): boolean {
    if (this.#isBehind(purpose)) return false
    const left = cleanerBytes(this.uncleanedBytesMax, this.segmentBytes)
    // Where the cleaner cannot write a checkpoint any more, publishing would only use up the rest.
    if (purpose === "publish" && this.#freeBytes < left / 3) return false
    const disk = this.#freeBytes - left
    const prepared = Math.max(0, this.log.preparedBytes - this.segmentBytes / framingShare)
    const room = prepared + (disk >= this.segmentBytes ? disk : 0) - this.reservedBytes
    const kept = purpose === "publish" ? this.uncleanedBytesMax / 8 : 0
    if (bytes + kept > room) return false
    this.#reservedBytes += bytes
    return true
  }

  /** Why `take` says no, with what it looks at. */
  refusal(bytes: number, purpose: "publish" | "settle"): SkeinError {
    const { uncleanedBytesMax, segmentBytes, freeBytes, reservedBytes } = this
    const { bytes: uncleanedBytes, preparedBytes } = this.log
    const data = { wantedBytes: bytes, freeBytes, preparedBytes, reservedBytes, uncleanedBytes }
    const what = `no room is left in the journal for ${bytes} bytes`
    if (this.#isBehind(purpose)) {
      const most = uncleanedTimesMax[purpose] * uncleanedBytesMax
      const behind = `${uncleanedBytes} bytes of its log wait to be cleaned, at most ${most} may`
      return skeinError("DiskFull", `${what}: ${behind}`, data)
    }
    const kept = purpose === "publish" ? `, ${uncleanedBytesMax / 8} are kept for settles` : ""
    const least = cleanerBytes(uncleanedBytesMax, segmentBytes) + segmentBytes
    const figures =
      `its log has ${preparedBytes} prepared, ${reservedBytes} of them are taken${kept}; ` +
      `${freeBytes} are free on the data disk, the log grows again from ${least} on`
    return skeinError("DiskFull", `${what}: ${figures}`, data)
  }

  #isBehind(purpose: "publish" | "settle"): boolean {
    return this.log.bytes >= uncleanedTimesMax[purpose] * this.uncleanedBytesMax
  }

  /** The caller's commit was answered, or it needs less. */
  give(bytes: number): void {
    this.#reservedBytes = Math.max(0, this.#reservedBytes - bytes)
  }
}
