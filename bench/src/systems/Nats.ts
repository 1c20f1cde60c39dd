/**
 * Driver of NATS JetStream with nats.js: file storage, work-queue retention (an acked message is
 * deleted, as in a queue), publishes in flight together, a pull consumer that keeps its buffer
 * filled, and acks that are not waited for.
 */
import { mkdirSync } from "node:fs"
import {
  AckPolicy,
  connect,
  type JetStreamClient,
  type NatsConnection,
  nanos,
  RetentionPolicy,
  StorageType,
} from "nats"
import { BrokerProcess } from "../process/BrokerProcess.js"
import { askVersion, findBinary } from "../process/binaries.js"
import { freePort } from "../process/ports.js"
import type { Broker, Consumer, OnMessages, Publisher, Session, System } from "../System.js"
import { lineReleased } from "./releases.js"

const command = "nats-server"
const durable = "bench"
const publishMsMax = 60_000
const ackWaitMs = 60_000

export const nats: System = {
  name: "nats",
  durability: "JetStream file store at its default: confirm after write, fsync every 2 minutes",
  absent: async () => (findBinary(command) ? undefined : `${command} is not on the PATH`),
  unfit: () => undefined,
  version: async () => {
    const binary = findBinary(command)
    const version = binary ? await askVersion(binary, ["--version"]) : "unknown"
    const released = lineReleased("nats", version)
    return released === undefined ? { version } : { version, released }
  },
  start: async (dir) => {
    const binary = findBinary(command)
    if (!binary) throw new Error(`${command} is not on the PATH`)
    mkdirSync(dir, { recursive: true })
    const port = await freePort()
    const args = ["--addr", "127.0.0.1", "--port", String(port), "--jetstream", "--store_dir", dir]
    const process = await BrokerProcess.start({ name: "nats", command: binary, args, dir, port })
    return new NatsBroker(process, port)
  },
}

class NatsBroker implements Broker {
  readonly pids: readonly number[]

  constructor(
    private readonly process: BrokerProcess,
    private readonly port: number,
  ) {
    this.pids = [process.pid]
  }

  async connect(onFailure: (error: unknown) => void): Promise<Session> {
    const connection = await connect({ servers: `127.0.0.1:${this.port}`, reconnect: false })
    void connection.closed().then((error) => error && onFailure(error))
    return new NatsSession(connection, onFailure)
  }

  kill(): Promise<void> {
    return this.process.kill()
  }

  stop(): Promise<void> {
    return this.process.stop()
  }
}

class NatsSession implements Session {
  private readonly jetstream: JetStreamClient

  constructor(
    private readonly connection: NatsConnection,
    private readonly onFailure: (error: unknown) => void,
  ) {
    this.jetstream = connection.jetstream({ timeout: publishMsMax })
  }

  async declare(queues: readonly string[]): Promise<void> {
    const manager = await this.connection.jetstreamManager({ timeout: publishMsMax })
    for (const queue of queues) {
      await manager.streams.add({
        name: queue,
        subjects: [queue],
        storage: StorageType.File,
        retention: RetentionPolicy.Workqueue,
      })
      await manager.consumers.add(queue, {
        durable_name: durable,
        ack_policy: AckPolicy.Explicit,
        ack_wait: nanos(ackWaitMs),
        max_ack_pending: -1,
      })
    }
  }

  async publisher(queue: string): Promise<Publisher> {
    const { jetstream } = this
    const one = (body: Uint8Array): Promise<unknown> => jetstream.publish(queue, body)
    return {
      publish: (bodies) => (bodies.length === 1 ? one(bodies[0]!) : Promise.all(bodies.map(one))),
    }
  }

  async consumer(queue: string, prefetch: number, onMessages: OnMessages): Promise<Consumer> {
    const consumer = await this.jetstream.consumers.get(queue, durable)
    const messages = await consumer.consume({
      max_messages: prefetch,
      callback: (message) => {
        onMessages([message.data])
        message.ack()
      },
    })
    void messages.closed().then((error) => error && this.onFailure(error))
    return { stop: async () => void (await messages.close()) }
  }

  async list(): Promise<number> {
    const manager = await this.connection.jetstreamManager({ timeout: publishMsMax })
    let count = 0
    for await (const name of manager.streams.names()) count += name === "" ? 0 : 1
    return count
  }

  async close(): Promise<void> {
    if (!this.connection.isClosed()) await this.connection.close()
  }
}
