/**
 * Counts what a load does and cuts it into laps. Owns the counters and the histograms of the lap
 * that runs now; knows nothing of brokers. The clock is injected.
 */
import { Latency } from "../measure/Latency.js"
import { stampOf } from "./body.js"

/** What happened between two cuts. */
export interface Lap {
  /** 0 when a lap has no rate (recovery, idle). */
  readonly seconds: number
  readonly published: number
  readonly consumed: number
  /** From the publish call (open loop: the intended time) to the confirm. */
  readonly publish: Latency
  /** From the stamp in the body to the consumer. */
  readonly endToEnd: Latency
  /** Open loop only: from the intended time to the publish call. */
  readonly delay: Latency
  /** Of the broker's processes; null when the machine does not tell. */
  readonly cpuSeconds: number | null
}

export class Meter {
  /** Since the start, over all laps. */
  sent = 0
  published = 0
  consumed = 0
  private publish = new Latency()
  private endToEnd = new Latency()
  private delay = new Latency()
  private lapStartMs: number
  private lapPublished = 0
  private lapConsumed = 0
  private lapCpu: number | null

  constructor(
    private readonly clockMs: () => number,
    private readonly cpuSeconds: () => number | null,
  ) {
    this.lapStartMs = clockMs()
    this.lapCpu = cpuSeconds()
  }

  /** `count` messages that belong to the time `sinceMs` are confirmed. */
  confirmed(sinceMs: number, count: number): void {
    this.published += count
    this.publish.record(this.clockMs() - sinceMs, count)
  }

  delayed(ms: number, count: number): void {
    this.delay.record(ms, count)
  }

  /** Neighbours with one stamp are recorded together: cheap for batches, exact for single ones. */
  arrived(bodies: readonly Uint8Array[]): void {
    const now = this.clockMs()
    let stamp = Number.NaN
    let same = 0
    for (const body of bodies) {
      const next = stampOf(body)
      if (next === stamp) {
        same++
        continue
      }
      if (same > 0) this.endToEnd.record(now - stamp, same)
      stamp = next
      same = 1
    }
    if (same > 0) this.endToEnd.record(now - stamp, same)
    this.consumed += bodies.length
  }

  /** Ends the lap that runs and starts the next. */
  cut(): Lap {
    const now = this.clockMs()
    const cpu = this.cpuSeconds()
    const lap: Lap = {
      seconds: (now - this.lapStartMs) / 1000,
      published: this.published - this.lapPublished,
      consumed: this.consumed - this.lapConsumed,
      publish: this.publish,
      endToEnd: this.endToEnd,
      delay: this.delay,
      cpuSeconds: cpu === null || this.lapCpu === null ? null : cpu - this.lapCpu,
    }
    this.publish = new Latency()
    this.endToEnd = new Latency()
    this.delay = new Latency()
    this.lapStartMs = now
    this.lapPublished = this.published
    this.lapConsumed = this.consumed
    this.lapCpu = cpu
    return lap
  }
}
