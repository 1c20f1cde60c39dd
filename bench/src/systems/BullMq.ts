/**
 * Driver of BullMQ on a Redis that fsyncs before every reply: `addBulk` per batch, one worker per
 * consumer with enough jobs at once to keep its connection busy, finished jobs removed. A body is
 * a latin1 string in the job's JSON: its bytes survive and most of them cost one byte.
 */
import { createRequire } from "node:module"
import { type Job, Queue, Worker } from "bullmq"
import type { Redis } from "ioredis"
import type { BrokerProcess } from "../process/BrokerProcess.js"
import type { Broker, Consumer, OnMessages, Publisher, Session, System } from "../System.js"
import { openRedis, redisAbsent, redisVersion, startRedis } from "./RedisServer.js"

interface Payload {
  readonly b: string
}

/** More keeps no more jobs moving: each finished job fetches the next on the one connection. */
const jobsAtOnceMax = 20
const jobOptions = { removeOnComplete: true, removeOnFail: true } as const

export const bullMq: System = {
  name: "bullmq",
  durability: "that Redis: append-only file, appendfsync always",
  absent: redisAbsent,
  unfit: () => undefined,
  version: async () => {
    const library = createRequire(import.meta.url)("bullmq/package.json") as { version: string }
    const redis = await redisVersion()
    return { ...redis, version: `${library.version} on Redis ${redis.version}` }
  },
  start: async (dir) => {
    const server = await startRedis(dir, "bullmq")
    return new BullBroker(server.process, server.port)
  },
}

class BullBroker implements Broker {
  readonly pids: readonly number[]

  constructor(
    private readonly process: BrokerProcess,
    private readonly port: number,
  ) {
    this.pids = [process.pid]
  }

  async connect(onFailure: (error: unknown) => void): Promise<Session> {
    return new BullSession(await openRedis(this.port, onFailure), this.port, onFailure)
  }

  kill(): Promise<void> {
    return this.process.kill()
  }

  stop(): Promise<void> {
    return this.process.stop()
  }
}

class BullSession implements Session {
  private readonly closers: (() => Promise<unknown>)[] = []
  private closed = false

  constructor(
    private readonly redis: Redis,
    private readonly port: number,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  async declare(queues: readonly string[]): Promise<void> {
    for (const name of queues) await this.queue(name).waitUntilReady()
  }

  async publisher(name: string): Promise<Publisher> {
    const queue = this.queue(name)
    return { publish: (bodies) => addAll(queue, bodies) }
  }

  async consumer(name: string, prefetch: number, onMessages: OnMessages): Promise<Consumer> {
    const process = async (job: Job<Payload>): Promise<void> => {
      onMessages([Buffer.from(job.data.b, "latin1")])
    }
    const redis = await openRedis(this.port, (error) => !this.closed && this.onFailure(error))
    const worker = new Worker<Payload>(name, process, {
      connection: redis,
      concurrency: Math.min(prefetch, jobsAtOnceMax),
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    })
    worker.on("error", (error) => !this.closed && this.onFailure(error))
    await worker.waitUntilReady()
    let stopped: Promise<void> | undefined
    const stop = (): Promise<void> => {
      stopped ??= worker.close().finally(() => redis.disconnect())
      return stopped
    }
    this.closers.push(stop)
    return { stop }
  }

  async close(): Promise<void> {
    this.closed = true
    await Promise.allSettled(this.closers.map((close) => close()))
    this.redis.disconnect()
  }

  private queue(name: string): Queue<Payload> {
    const queue = new Queue<Payload>(name, {
      connection: this.redis,
      defaultJobOptions: jobOptions,
    })
    queue.on("error", (error) => !this.closed && this.onFailure(error))
    this.closers.push(() => queue.close())
    return queue
  }
}

const addAll = (queue: Queue<Payload>, bodies: readonly Uint8Array[]): Promise<unknown> => {
  const jobs = bodies.map((body) => ({ name: "m", data: { b: text(body) } }))
  return jobs.length === 1 ? queue.add(jobs[0]!.name, jobs[0]!.data) : queue.addBulk(jobs)
}

const text = (body: Uint8Array): string =>
  Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1")
