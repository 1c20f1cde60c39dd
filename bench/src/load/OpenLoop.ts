/**
 * Publishes at a fixed rate, whatever the broker does. Each message has an intended time; delay,
 * confirm and end to end are all measured from it. When `inFlightMax` messages are unconfirmed
 * sending waits, the schedule does not: the wait shows up as publish delay.
 */
import type { Publisher } from "../System.js"
import { bodyMaker } from "./body.js"
import type { Meter } from "./Meter.js"
import type { Schedule } from "./Schedule.js"

export interface OpenLoopSettings {
  readonly size: number
  readonly inFlightMax: number
}

export class OpenLoop {
  private readonly makeBody: (stampMs: number) => Buffer
  private inFlight = 0
  private next = 0
  private stopped = false
  private idle: (() => void) | undefined

  constructor(
    private readonly publishers: readonly Publisher[],
    private readonly settings: OpenLoopSettings,
    private readonly schedule: Schedule,
    private readonly meter: Meter,
    private readonly clockMs: () => number,
    private readonly onFailure: (error: unknown) => void,
  ) {
    this.makeBody = bodyMaker(settings.size)
  }

  /** Sends all that is due; to be called at each tick. */
  tick(): void {
    while (!this.stopped && this.inFlight < this.settings.inFlightMax) {
      const dueMs = this.schedule.take(this.clockMs())
      if (dueMs === undefined) return
      this.send(dueMs)
    }
  }

  /** Sends nothing more; resolves when everything sent is confirmed. */
  stop(): Promise<void> {
    this.stopped = true
    return new Promise((resolve) => {
      if (this.inFlight === 0) resolve()
      else this.idle = resolve
    })
  }

  private send(dueMs: number): void {
    const publisher = this.publishers[this.next++ % this.publishers.length]!
    this.meter.delayed(this.clockMs() - dueMs, 1)
    this.meter.sent++
    this.inFlight++
    publisher.publish([this.makeBody(dueMs)]).then(
      () => {
        this.meter.confirmed(dueMs, 1)
        this.settled()
      },
      (error: unknown) => {
        this.stopped = true
        this.onFailure(error)
        this.settled()
      },
    )
  }

  private settled(): void {
    this.inFlight--
    if (this.inFlight === 0 && this.stopped) this.idle?.()
  }
}
