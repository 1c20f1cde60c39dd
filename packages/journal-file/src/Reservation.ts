/**
 * Owns: room set aside before a command is decided, so that an append never meets a full disk.
 * Room is what log segments are prepared for, and what the file system says is free. The last
 * eighth of what may be uncleaned is kept for settles: consuming makes room, publishing takes it.
 */
import { limits } from "@skein/model"

const settleBytes = limits.logUncleanedBytesMax / 8
/** Free bytes that are left to checkpoints and segments of the cleaner. */
const cleanerBytes = 8 * 1024 * 1024

export class Reservation {
  #reservedBytes = 0
  /** Free bytes on the disk, as last looked up, less what was committed since. */
  #freeBytes: number

  constructor(
    readonly preparedBytes: () => number,
    freeBytes: number,
    /** Kept for settles; smaller only where a test uses a small disk. */
    readonly settleBytesKept: number = settleBytes,
    readonly cleanerBytesKept: number = cleanerBytes,
  ) {
    this.#freeBytes = freeBytes
  }

  get freeBytes(): number {
    return this.#freeBytes
  }

  set freeBytes(bytes: number) {
    this.#freeBytes = bytes
  }

  get reservedBytes(): number {
    return this.#reservedBytes
  }

  take(bytes: number, purpose: "publish" | "settle"): boolean {
    const disk = Math.max(0, this.#freeBytes - this.cleanerBytesKept)
    const room = this.preparedBytes() + disk - this.#reservedBytes
    const kept = purpose === "publish" ? this.settleBytesKept : 0
    if (bytes + kept > room) return false
    this.#reservedBytes += bytes
    return true
  }

  /** Reserved room was written to. What was not reserved does no harm. */
  use(bytes: number): void {
    this.give(bytes)
  }

  give(bytes: number): void {
    this.#reservedBytes = Math.max(0, this.#reservedBytes - bytes)
  }
}
