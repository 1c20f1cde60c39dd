/**
 * Owns: the restart intensity: at most `restartsMax` restarts in any `windowMs`. Pure: the time
 * arrives as a value and must not go back. Must not know: why something restarts.
 *
 * A restart counts from the moment it is decided until `windowMs` later, that moment excluded: with
 * a window of 1,000 ms a restart at 0 counts at 999 and no longer at 1,000.
 */
export interface Intensity {
  /** 0 escalates the first failure. */
  readonly restartsMax: number
  readonly windowMs: number
}

interface Restart {
  readonly atMs: number
  readonly who: unknown
}

export class RestartWindow {
  private readonly restarts: Array<Restart> = []

  constructor(private readonly intensity: Intensity) {}

  /** Counts one more restart of `who`; false, and nothing counted, if that would be too many. */
  admit(nowMs: number, who: unknown): boolean {
    this.forget(nowMs)
    if (this.restarts.length >= this.intensity.restartsMax) return false
    this.restarts.push({ atMs: nowMs, who })
    return true
  }

  /** Restarts of `who` that count at `nowMs`. */
  countOf(nowMs: number, who: unknown): number {
    this.forget(nowMs)
    let count = 0
    for (const restart of this.restarts) if (restart.who === who) count++
    return count
  }

  private forget(nowMs: number): void {
    let gone = 0
    while (
      gone < this.restarts.length &&
      this.restarts[gone].atMs + this.intensity.windowMs <= nowMs
    ) {
      gone++
    }
    if (gone > 0) this.restarts.splice(0, gone)
  }
}
