/**
 * Owns: the one timer of a shard, set to the earliest time that its actors wait for.
 * Must not know: what is due.
 */
import { type Clock, limits } from "@skein/model"

export class Alarm {
  private atMs = Number.POSITIVE_INFINITY
  private stop: () => void = () => {}
  private over = false

  constructor(
    private readonly clock: Pick<Clock, "monotonicMs" | "setTimer">,
    private readonly ring: () => void,
  ) {}

  /** Rings at `atMs`, monotonic, or at the earlier time that it is set to. */
  set(atMs: number): void {
    if (this.over || atMs >= this.atMs) return
    this.stop()
    this.atMs = atMs
    const delayMs = Math.max(0, atMs - this.clock.monotonicMs())
    this.stop = this.clock.setTimer(Math.min(delayMs, timerMaxMs), () => {
      this.atMs = Number.POSITIVE_INFINITY
      this.ring()
    })
  }

  /** Does not ring until it is set again. */
  clear(): void {
    this.stop()
    this.atMs = Number.POSITIVE_INFINITY
  }

  /** Never rings again. */
  end(): void {
    this.clear()
    this.over = true
  }
}

/** Node's timers overflow beyond 2^31 - 1 ms. */
const timerMaxMs = limits.leaseMaxMs
