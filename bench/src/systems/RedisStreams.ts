/**
 * Driver of Redis Streams with ioredis. A batch is one pipeline of XADD; batches in flight share
 * the connection, so the server syncs once for all that arrived together. A consumer reads with
 * XREADGROUP COUNT on a connection of its own and acks a whole read with one XACK, which it does
 * not wait for. Acked entries are trimmed from the head about once per 10,000 messages.
 */
import type { Redis } from "ioredis"
import type { BrokerProcess } from "../process/BrokerProcess.js"
import type { Broker, Consumer, OnMessages, Publisher, Session, System } from "../System.js"
import { openRedis, redisAbsent, redisVersion, startRedis } from "./RedisServer.js"

type Entry = [id: Buffer, fields: Buffer[] | null]
type Reply = [stream: Buffer, entries: Entry[]][] | null

const group = "bench"
const readCountMax = 1000
const blockMs = 1000
const trimEvery = 10_000

export const redisStreams: System = {
  name: "redis-streams",
  durability: "append-only file, appendfsync always: one fsync per event loop turn, then replies",
  absent: redisAbsent,
  unfit: () => undefined,
  version: redisVersion,
  start: async (dir) => {
    const server = await startRedis(dir, "redis-streams")
    return new StreamsBroker(server.process, server.port)
  },
}

class StreamsBroker implements Broker {
  readonly pids: readonly number[]

  constructor(
    private readonly process: BrokerProcess,
    private readonly port: number,
  ) {
    this.pids = [process.pid]
  }

  async connect(onFailure: (error: unknown) => void): Promise<Session> {
    return StreamsSession.open(this.port, onFailure)
  }

  kill(): Promise<void> {
    return this.process.kill()
  }

  stop(): Promise<void> {
    return this.process.stop()
  }
}

class StreamsSession implements Session {
  private readonly readers: Redis[] = []
  /** Newest acked id of each consumer, per stream. */
  private readonly acked = new Map<string, (Buffer | undefined)[]>()
  private closed = false

  private constructor(
    private readonly redis: Redis,
    private readonly port: number,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  static async open(port: number, onFailure: (e: unknown) => void): Promise<StreamsSession> {
    return new StreamsSession(await openRedis(port, onFailure), port, onFailure)
  }

  async declare(queues: readonly string[]): Promise<void> {
    const pipeline = this.redis.pipeline()
    for (const queue of queues) pipeline.xgroup("CREATE", queue, group, "0", "MKSTREAM")
    const replies = (await pipeline.exec()) ?? []
    const error = replies.map(([e]) => e).find((e) => e && !e.message.startsWith("BUSYGROUP"))
    if (error) throw error
  }

  async publisher(queue: string): Promise<Publisher> {
    const { redis } = this
    return { publish: (bodies) => addAll(redis, queue, bodies) }
  }

  async consumer(queue: string, prefetch: number, onMessages: OnMessages): Promise<Consumer> {
    const reader = await openRedis(this.port, (error) => {
      if (!this.closed) this.onFailure(error)
    })
    this.readers.push(reader)
    const acked = this.acked.get(queue) ?? []
    this.acked.set(queue, acked)
    const index = acked.push(undefined) - 1
    let running = true
    const done = this.readLoop(reader, queue, prefetch, index, onMessages, () => running)
    done.catch((error: unknown) => running && !this.closed && this.onFailure(error))
    return {
      stop: async () => {
        running = false
        reader.disconnect()
        await done.catch(() => undefined)
      },
    }
  }

  async list(): Promise<number> {
    let cursor = "0"
    let count = 0
    do {
      const [next, keys] = await this.redis.scan(cursor, "COUNT", 1000, "TYPE", "stream")
      cursor = next
      count += keys.length
    } while (cursor !== "0")
    return count
  }

  async close(): Promise<void> {
    this.closed = true
    for (const reader of this.readers) reader.disconnect()
    this.redis.disconnect()
  }

  private async readLoop(
    reader: Redis,
    queue: string,
    prefetch: number,
    index: number,
    onMessages: OnMessages,
    running: () => boolean,
  ): Promise<void> {
    const count = Math.min(prefetch, readCountMax)
    const name = `consumer-${index}`
    let untrimmed = 0
    while (running()) {
      const reply = (await reader.xreadgroupBuffer(
        "GROUP",
        group,
        name,
        "COUNT",
        count,
        "BLOCK",
        blockMs,
        "STREAMS",
        queue,
        ">",
      )) as Reply
      const entries = reply?.[0]?.[1] ?? []
      if (entries.length === 0) continue
      onMessages(entries.map(([, fields]) => fields![1]!))
      this.redis.xack(queue, group, ...entries.map(([id]) => id)).catch(this.onFailure)
      this.acked.get(queue)![index] = entries.at(-1)![0]
      untrimmed += entries.length
      if (untrimmed < trimEvery) continue
      untrimmed = 0
      this.trim(queue)
    }
  }

  /** Drops whole nodes of the stream below the oldest id that some consumer may still need. */
  private trim(queue: string): void {
    const ids = this.acked.get(queue)!.filter((id) => id !== undefined)
    const oldest = ids.sort(byId)[0]
    if (oldest) this.redis.xtrim(queue, "MINID", "~", oldest.toString()).catch(this.onFailure)
  }
}

/** One XADD, or one pipeline of them; commands of the same turn leave in one packet. */
const addAll = (redis: Redis, queue: string, bodies: readonly Uint8Array[]): Promise<unknown> => {
  if (bodies.length === 1) return redis.xadd(queue, "*", "b", asBuffer(bodies[0]!))
  const pipeline = redis.pipeline()
  for (const body of bodies) pipeline.xadd(queue, "*", "b", asBuffer(body))
  return pipeline.exec().then((replies) => {
    const failed = replies?.find(([error]) => error !== null)
    if (!replies || failed) throw failed?.[0] ?? new Error("redis: pipeline discarded")
  })
}

const asBuffer = (body: Uint8Array): Buffer =>
  Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)

const byId = (a: Buffer, b: Buffer): number => {
  const [aMs, aSeq] = a.toString().split("-").map(Number)
  const [bMs, bSeq] = b.toString().split("-").map(Number)
  return aMs! - bMs! || aSeq! - bSeq!
}
