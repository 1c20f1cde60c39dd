/**
 * Owns: a manual clock that can jump as a stopped process sees it: time has passed, no timer ran.
 * For tests.
 */
import { ManualClock } from "@skein/journal"
import type { Clock } from "@skein/model"

export class StallingClock implements Clock {
  private readonly manual = new ManualClock()
  private stalledMs = 0

  readonly wallMs = (): number => this.manual.wallMs() + this.stalledMs
  readonly monotonicMs = (): number => this.manual.monotonicMs() + this.stalledMs
  readonly setTimer = this.manual.setTimer
  readonly defer = this.manual.defer

  get timers(): number {
    return this.manual.timers
  }

  advance(ms: number): void {
    this.manual.advance(ms)
  }

  /** The process stands still. Timers that were set run so much later than they wanted. */
  stall(ms: number): void {
    this.stalledMs += ms
  }

  jumpWall(ms: number): void {
    this.manual.jumpWall(ms)
  }
}
