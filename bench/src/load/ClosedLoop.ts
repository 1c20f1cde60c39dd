/**
 * Publishes as fast as confirms come back: each of `producers` callers keeps at most its share of
 * `window` messages unconfirmed. All producers also stop while more than `lag` messages are
 * published but not consumed, so that a rate is one that the system can keep up, and not one that
 * only grows a backlog. Knows no broker, only `Publisher`s.
 */
import type { Publisher } from "../System.js"
import { bodyMaker } from "./body.js"
import type { Meter } from "./Meter.js"

export interface ClosedLoopSettings {
  readonly size: number
  readonly batch: number
  readonly producers: number
  /** Unconfirmed messages of all producers together. */
  readonly window: number
  /** Each producer awaits its batch before it sends the next; `window` is not used. */
  readonly await: boolean
  /** Published but not yet consumed messages of all producers together. */
  readonly lag: number
  /** Stops by itself after so many messages. */
  readonly stopAfter?: number
}

interface Producer {
  readonly publishers: readonly Publisher[]
  next: number
  inFlight: number
  parked: boolean
}

export class ClosedLoop {
  private readonly producers: readonly Producer[]
  private readonly inFlightMax: number
  private readonly makeBody: (stampMs: number) => Buffer
  private running = false
  private inFlight = 0
  private parked: Producer[] = []
  private idle: (() => void) | undefined

  constructor(
    publishers: readonly Publisher[],
    private readonly settings: ClosedLoopSettings,
    private readonly meter: Meter,
    private readonly clockMs: () => number,
    private readonly onFailure: (error: unknown) => void,
  ) {
    const { batch, producers, window } = settings
    this.makeBody = bodyMaker(settings.size)
    this.inFlightMax = settings.await ? batch : Math.max(batch, Math.floor(window / producers))
    this.producers = Array.from({ length: producers }, (_, index) => ({
      publishers: shareOf(publishers, index, producers),
      next: 0,
      inFlight: 0,
      parked: false,
    }))
  }

  start(): void {
    this.running = true
    for (const producer of this.producers) this.pump(producer)
  }

  /** To be called after each delivery: wakes producers that waited for the consumer. */
  consumed(): void {
    if (this.parked.length === 0 || this.isLagging()) return
    const waiting = this.parked
    this.parked = []
    for (const producer of waiting) {
      producer.parked = false
      this.pump(producer)
    }
  }

  /** Sends nothing more; resolves when everything sent is confirmed. */
  async stop(): Promise<void> {
    this.running = false
    await this.whenIdle()
  }

  /** Resolves when `stopAfter` are sent and confirmed. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.inFlight === 0) resolve()
      else this.idle = resolve
    })
  }

  private pump(producer: Producer): void {
    const { batch } = this.settings
    while (this.running && producer.inFlight + batch <= this.inFlightMax && !this.isDone()) {
      if (this.isLagging()) {
        this.park(producer)
        return
      }
      this.send(producer, batch)
    }
  }

  private send(producer: Producer, count: number): void {
    const publisher = producer.publishers[producer.next++ % producer.publishers.length]!
    const stampMs = this.clockMs()
    const bodies = new Array<Buffer>(count).fill(this.makeBody(stampMs))
    producer.inFlight += count
    this.inFlight += count
    this.meter.sent += count
    publisher.publish(bodies).then(
      () => {
        this.meter.confirmed(stampMs, count)
        producer.inFlight -= count
        this.inFlight -= count
        this.pump(producer)
        if (this.inFlight === 0) this.idle?.()
      },
      (error: unknown) => {
        this.running = false
        this.inFlight -= count
        this.onFailure(error)
        if (this.inFlight === 0) this.idle?.()
      },
    )
  }

  private park(producer: Producer): void {
    if (producer.parked) return
    producer.parked = true
    this.parked.push(producer)
  }

  private isLagging(): boolean {
    return this.meter.sent - this.meter.consumed >= this.settings.lag
  }

  private isDone(): boolean {
    return this.meter.sent >= (this.settings.stopAfter ?? Infinity)
  }
}

/** With fewer producers than queues each takes turns over its share; else each has one queue. */
export const shareOf = <T>(all: readonly T[], index: number, count: number): readonly T[] =>
  count >= all.length
    ? [all[index % all.length]!]
    : all.filter((_, position) => position % count === index)
