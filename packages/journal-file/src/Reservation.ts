/**
 * Owns: room set aside before a command is decided, so that an append never meets a full disk.
 * Room is what log segments are prepared for, and what the file system says is free. The last
 * eighth of what may be uncleaned is kept for settles: consuming makes room, publishing takes it.
 * Some is left to the cleaner: to empty a log segment it first copies what is live.
 */

/** A segment's part that framing of batches in flight may take beyond the records' own bytes. */
const framingShare = 256

/** Free bytes that neither commits nor new segments may take. */
export const cleanerBytes = (uncleanedBytesMax: number, segmentBytes: number): number =>
  uncleanedBytesMax / 4 + segmentBytes / 2

export class Reservation {
  #reservedBytes = 0
  /** Free bytes on the disk, as last looked up, less what this journal's files grew since. */
  #freeBytes: number

  constructor(
    readonly preparedBytes: () => number,
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
    const left = cleanerBytes(this.uncleanedBytesMax, this.segmentBytes)
    // Where the cleaner cannot write a checkpoint any more, publishing would only use up the rest.
    if (purpose === "publish" && this.#freeBytes < left / 3) return false
    const disk = this.#freeBytes - left
    const prepared = Math.max(0, this.preparedBytes() - this.segmentBytes / framingShare)
    const room = prepared + (disk >= this.segmentBytes ? disk : 0) - this.reservedBytes
    const kept = purpose === "publish" ? this.uncleanedBytesMax / 8 : 0
    if (bytes + kept > room) return false
    this.#reservedBytes += bytes
    return true
  }

  /** The caller's commit was answered, or it needs less. */
  give(bytes: number): void {
    this.#reservedBytes = Math.max(0, this.#reservedBytes - bytes)
  }
}
