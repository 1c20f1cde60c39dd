/**
 * Owns: noticing that this process stood still (paused, starved, or a long synchronous stretch), so
 * that leases are extended by the stall before any of them expires (DESIGN.md section 6).
 */
import { type Clock, limits } from "@skein/model"

/** Lateness below this is the ordinary jitter of timers. */
const jitterMs = 100

export class StallWatch {
  private cancel: () => void = () => {}
  private expectedMs = 0

  constructor(
    private readonly clock: Clock,
    private readonly onStall: (stallMs: number) => void,
  ) {}

  start(): void {
    this.expectedMs = this.clock.monotonicMs() + limits.aliveEveryMs
    this.cancel = this.clock.setTimer(limits.aliveEveryMs, () => this.beat())
  }

  stop(): void {
    this.cancel()
  }

  /** Also asked by timers that may run first after a stall. */
  beat(): void {
    const lateMs = this.clock.monotonicMs() - this.expectedMs
    this.cancel()
    this.start()
    if (lateMs > jitterMs) this.onStall(lateMs)
  }
}
