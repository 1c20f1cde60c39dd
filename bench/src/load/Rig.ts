/**
 * One running broker with its client side: connection, queues, publishers, consumers, meter. A
 * scenario asks for the parts it needs. Shutdown order: consumers, connection, broker, directory.
 */
import { mkdtempSync } from "node:fs"
import path from "node:path"
import { ProcessSampler } from "../measure/ProcessSampler.js"
import { onCleanup, ownDir } from "../process/Cleanup.js"
import type { Broker, Consumer, Publisher, Session, System } from "../System.js"
import { Meter } from "./Meter.js"

export const clockMs = (): number => performance.now()

/** A client whose broker is gone may never answer a close. */
const closeMsMax = 5000

/** Unacked messages that one consumer may hold. */
export const prefetchMessages = 2000

export class Rig {
  readonly queues: readonly string[]
  readonly meter: Meter
  session!: Session
  broker: Broker
  sampler: ProcessSampler
  private readonly consumers: Consumer[] = []
  private fail: (error: unknown) => void = () => undefined
  /** Rejects with the first failure of any part. */
  readonly failed: Promise<never>
  private expectFailures = false
  private closing = false
  private readonly forget: () => void

  private constructor(
    readonly system: System,
    readonly dir: string,
    private readonly removeDir: () => void,
    broker: Broker,
    queueCount: number,
  ) {
    this.broker = broker
    this.sampler = new ProcessSampler(broker.pids)
    this.meter = new Meter(clockMs, () => this.sampler.cpuSeconds())
    this.queues = Array.from({ length: queueCount }, (_, index) => `bench-${index}`)
    this.failed = new Promise((_, reject) => {
      this.fail = reject
    })
    this.failed.catch(() => undefined)
    this.forget = onCleanup(() => this.close())
  }

  /** Starts the system in a new directory below `base`, connects, and declares the queues. */
  static async start(system: System, base: string, queueCount: number): Promise<Rig> {
    const dir = mkdtempSync(path.join(base, `bench-${system.name}-`))
    const removeDir = ownDir(dir)
    try {
      const broker = await system.start(dir)
      const rig = new Rig(system, dir, removeDir, broker, queueCount)
      return await rig.join().catch(async (error: unknown) => {
        await rig.close()
        throw error
      })
    } catch (error) {
      removeDir()
      throw error
    }
  }

  readonly onFailure = (error: unknown): void => {
    if (this.closing || this.expectFailures) return
    this.fail(new Error(`${this.system.name}: ${text(error)}`, { cause: error }))
  }

  publishers(): Promise<Publisher[]> {
    return Promise.all(this.queues.map((queue) => this.session.publisher(queue)))
  }

  /** At least one consumer for each queue. */
  async consume(count: number, onConsumed: () => void): Promise<void> {
    for (let index = 0; index < Math.max(count, this.queues.length); index++) {
      const queue = this.queues[index % this.queues.length]!
      const consumer = await this.session.consumer(queue, prefetchMessages, (bodies) => {
        this.meter.arrived(bodies)
        onConsumed()
      })
      this.consumers.push(consumer)
    }
  }

  /** Waits, unless a part fails first. */
  async hold(seconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const pause = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, seconds * 1000)
    })
    await Promise.race([pause, this.failed]).finally(() => clearTimeout(timer))
  }

  /** Waits until all that was confirmed is consumed; a system that lost messages has no rate. */
  async drain(secondsMax: number): Promise<void> {
    const deadline = clockMs() + secondsMax * 1000
    while (this.meter.consumed < this.meter.published) {
      if (clockMs() > deadline) {
        const missing = this.meter.published - this.meter.consumed
        throw new Error(`${this.system.name}: ${missing} confirmed messages never arrived`)
      }
      await this.hold(0.02)
    }
  }

  /** Ends the client side; the broker stays. */
  async leave(): Promise<void> {
    await within(closeMsMax, this.session.close())
  }

  /** SIGKILL and a new start on the same data; failures in between are part of the plan. */
  async crash(): Promise<void> {
    this.expectFailures = true
    this.sampler.stop()
    await this.broker.kill()
    this.consumers.length = 0
    await within(closeMsMax, this.session.close())
  }

  /** Starts the broker again on its data and connects. */
  async restart(): Promise<void> {
    this.broker = await this.system.start(this.dir)
    this.sampler = new ProcessSampler(this.broker.pids)
    this.session = await this.broker.connect(this.onFailure)
    this.expectFailures = false
  }

  async close(): Promise<void> {
    if (this.closing) return
    this.closing = true
    this.forget()
    this.sampler.stop()
    const stops = this.consumers.map((consumer) => consumer.stop())
    await within(closeMsMax, Promise.allSettled(stops))
    await within(closeMsMax, this.session?.close())
    await this.broker.stop()
    this.removeDir()
  }

  private async join(): Promise<Rig> {
    this.session = await this.broker.connect(this.onFailure)
    await this.session.declare(this.queues)
    return this
  }
}

/** Waits for the end of a promise, good or bad, but not for ever. */
const within = async (ms: number, promise: Promise<unknown> | undefined): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([Promise.resolve(promise).catch(() => undefined), timeout])
  clearTimeout(timer)
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error))
