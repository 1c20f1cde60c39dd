/**
 * When the messages of an open loop are due. Pure: the clock comes in. The schedule never slips:
 * a generator or a broker that stalls finds all missed messages due at their old times, which is
 * what keeps latencies free of coordinated omission.
 */
export class Schedule {
  private taken = 0

  constructor(
    private readonly startMs: number,
    private readonly ratePerSecond: number,
  ) {
    if (!(ratePerSecond > 0)) throw new Error("the rate of a schedule is above zero")
  }

  /** Intended time of message `index`. */
  dueMs(index: number): number {
    return this.startMs + (index * 1000) / this.ratePerSecond
  }

  /** Intended time of the next message that was not taken. */
  get nextMs(): number {
    return this.dueMs(this.taken)
  }

  /** Takes the next message if it is due now: its intended time, or undefined. */
  take(nowMs: number): number | undefined {
    const dueMs = this.nextMs
    if (dueMs > nowMs) return undefined
    this.taken++
    return dueMs
  }
}
