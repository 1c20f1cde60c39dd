/**
 * A steady flow through one or more queues, as a service author would have it: publish at the
 * pace of a clock, consume and ack all that arrives. An error is counted and the flow goes on.
 * Latencies count from when a call was due, so a fabric that pauses is not spared by its client.
 *
 * Shutdown: `stop` ends the publishing and waits for confirms; `close` ends the consumers.
 */
import { type Batch, type Consumer, Queue, type QueueHandle, type SkeinClient } from "@skein/client"
import { bodyMaker, stampOf } from "../load/body.js"
import { Ledger, sumOf } from "../load/Ledger.js"
import { Schedule } from "../load/Schedule.js"
import { Sampler } from "../load/Zipf.js"
import { monotonicMs } from "../measure/monotonicMs.js"
import { Samples } from "../measure/Samples.js"
import { rawBytes } from "../systems/Skein.js"
import type { StreamAudit, StreamSamples, StreamSpec } from "./StreamSpec.js"

/** Beyond, calls that are due wait: it shows up as latency, not as memory. */
const unconfirmedMax = 200_000
const prefetchMessages = 2000
const errorTextsMax = 10
/** Behind the stamp. */
const numberAt = 8

interface Lane {
  readonly handle: QueueHandle<Uint8Array>
  readonly ledger: Ledger
  next: number
}

export class Stream {
  private readonly lanes: readonly Lane[]
  private readonly confirms = new Samples()
  private readonly arrivals = new Samples()
  private readonly makeBody: (stampMs: number) => Buffer
  private readonly sampler: Sampler
  private readonly consumers: Consumer<Uint8Array>[] = []
  private readonly errorTexts: string[] = []
  private schedule: Schedule | undefined
  private errors = 0
  private unconfirmed = 0
  private closing = false
  private idle: (() => void) | undefined

  constructor(
    client: SkeinClient,
    readonly spec: StreamSpec,
  ) {
    this.makeBody = bodyMaker(spec.size)
    this.sampler = new Sampler(spec.shares, spec.seed)
    this.lanes = spec.queues.map((queue) => ({
      handle: client.queue(Queue.bytes(queue)),
      ledger: new Ledger(),
      next: 0,
    }))
  }

  /** Starts to consume. */
  async open(): Promise<void> {
    for (const lane of this.lanes) {
      const consumer = await lane.handle.consume({ prefetchMessages })
      this.consumers.push(consumer)
      void this.read(lane, consumer)
    }
  }

  /** Starts to publish. */
  start(): void {
    this.schedule = new Schedule(monotonicMs(), this.spec.ratePerSecond / this.spec.batch)
  }

  /** Sends all that is due; to be called at each tick. */
  tick(): void {
    while (this.schedule !== undefined && this.unconfirmed < unconfirmedMax) {
      const dueMs = this.schedule.take(monotonicMs())
      if (dueMs === undefined) return
      this.send(dueMs)
    }
  }

  /** Resolves when all that was sent is confirmed or has failed. */
  stop(): Promise<void> {
    this.schedule = undefined
    return new Promise((resolve) => {
      if (this.unconfirmed === 0) resolve()
      else this.idle = resolve
    })
  }

  async close(): Promise<void> {
    this.closing = true
    await Promise.allSettled(this.consumers.map((consumer) => consumer.close()))
  }

  take(): StreamSamples {
    const { name } = this.spec
    return { name, confirms: this.confirms.drain(), arrivals: this.arrivals.drain() }
  }

  audit(): StreamAudit {
    const nowMs = monotonicMs()
    const behindMs = this.schedule === undefined ? 0 : Math.max(0, nowMs - this.schedule.nextMs)
    return {
      ...sumOf(this.lanes.map(({ ledger }) => ledger.audit())),
      name: this.spec.name,
      unsent: Math.floor((behindMs * this.spec.ratePerSecond) / 1000),
      errors: this.errors,
      errorTexts: this.errorTexts,
    }
  }

  private send(dueMs: number): void {
    const lane = this.lanes[this.sampler.next()]!
    const { batch } = this.spec
    const first = lane.next
    lane.next += batch
    this.unconfirmed += batch
    const bodies = Array.from({ length: batch }, (_, index) => {
      const body = this.makeBody(dueMs)
      body.writeUInt32LE(first + index, numberAt)
      return body
    })
    const sent: Promise<unknown> =
      batch === 1 ? lane.handle.publish(bodies[0]!) : lane.handle.publishMany(bodies)
    sent.then(
      () => {
        const nowMs = monotonicMs()
        this.confirms.push(nowMs, nowMs - dueMs, batch)
        lane.ledger.confirmed(first, batch)
        this.ended(batch)
      },
      (error: unknown) => {
        this.failed("publish", error)
        this.ended(batch)
      },
    )
  }

  private ended(count: number): void {
    this.unconfirmed -= count
    if (this.unconfirmed === 0 && this.schedule === undefined) this.idle?.()
  }

  private async read(lane: Lane, consumer: Consumer<Uint8Array>): Promise<void> {
    try {
      for (;;) {
        const batch = await consumer.take()
        if (batch === undefined) return
        this.arrived(lane, batch)
        batch.ack().then(undefined, (error: unknown) => this.failed("ack", error))
      }
    } catch (error) {
      this.failed("consume", error)
    }
  }

  private arrived(lane: Lane, batch: Batch<Uint8Array>): void {
    const nowMs = monotonicMs()
    let [stamp, same] = [Number.NaN, 0]
    const count = (): void => {
      if (same > 0) this.arrivals.push(nowMs, nowMs - stamp, same)
    }
    for (const [index, packed] of batch.bodies().entries()) {
      const body = rawBytes(packed)
      const next = stampOf(body)
      if (next !== stamp) {
        count()
        same = 0
        stamp = next
      }
      same++
      const number = new DataView(body.buffer, body.byteOffset).getUint32(numberAt, true)
      lane.ledger.arrived(number, () => batch.messages[index]!.redelivered)
    }
    count()
  }

  private failed(what: string, error: unknown): void {
    if (this.closing) return
    this.errors++
    if (this.errorTexts.length >= errorTextsMax) return
    const text = error instanceof Error ? error.message : String(error)
    this.errorTexts.push(`${this.spec.name}: ${what}: ${text}`)
  }
}
