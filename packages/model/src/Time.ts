/**
 * Owns: the two kinds of time, and the port by which a shell reads them and sets timers.
 * Pure code receives {@link Now} as a value and never sees a clock.
 */

/** The moment a command is decided. */
export interface Now {
  /**
   * Wall-clock milliseconds that never go back within a shard's journal: windows, due times, TTL.
   */
  readonly journalMs: number
  /** Monotonic milliseconds of this process: leases and waits only. Never stored. */
  readonly monotonicMs: number
}

/** The clock of a shell. The simulator and tests bring their own. */
export interface Clock {
  readonly wallMs: () => number
  readonly monotonicMs: () => number
  /** Calls `run` once, `delayMs` from now; the answer cancels it (again and late: harmless). */
  readonly setTimer: (delayMs: number, run: () => void) => () => void
  /** Calls `run` on a later turn of the event loop, after the I/O that is already there. */
  readonly defer: (run: () => void) => void
}

/** The randomness of a shell. */
export interface Random {
  /** `count` unpredictable bytes. */
  readonly bytes: (count: number) => Uint8Array
}
