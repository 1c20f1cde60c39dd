/** Driver of Skein itself: a node process, and the Promise API of `@skein/client`. */
import { existsSync, mkdirSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { connect, Queue, type SkeinClient } from "@skein/client"
import { BrokerProcess } from "../process/BrokerProcess.js"
import { freePort } from "../process/ports.js"
import type { Broker, Consumer, OnMessages, Publisher, Session, System } from "../System.js"

export const skeinMain = fileURLToPath(new URL("../../../apps/skein/dist/main.js", import.meta.url))
const declaresAtOnce = 256
/** The release under test: all packages of the workspace carry the same version. */
export const skeinVersion = "0.1.0"

export const skein: System = {
  name: "skein",
  durability: "one fdatasync per group commit before the confirm",
  absent: async () => (existsSync(skeinMain) ? undefined : "it is not built: npm run build"),
  unfit: () => undefined,
  version: async () => ({ version: skeinVersion }),
  start: async (dir) => {
    mkdirSync(dir, { recursive: true })
    return startNode(dir, await freePort())
  },
}

const startNode = async (dir: string, port: number): Promise<Broker> => {
  const data = path.join(dir, "data")
  const broker = await BrokerProcess.start({
    name: "skein",
    command: process.execPath,
    args: [skeinMain, "node", "start", "--dir", data, "--port", String(port), "--output", "json"],
    dir,
    port,
  })
  return {
    pids: [broker.pid],
    connect: (onFailure) => connectSkein(`127.0.0.1:${port}`, onFailure),
    kill: () => broker.kill(),
    stop: () => broker.stop(),
  }
}

/** A session of the bench with a node or a fabric. */
export const connectSkein = async (
  address: string,
  onFailure: (error: unknown) => void,
): Promise<Session> => new SkeinSession(await connect({ address, clientName: "bench" }), onFailure)

class SkeinSession implements Session {
  constructor(
    private readonly client: SkeinClient,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  async declare(queues: readonly string[]): Promise<void> {
    for (let at = 0; at < queues.length; at += declaresAtOnce) {
      const some = queues.slice(at, at + declaresAtOnce)
      await Promise.all(some.map((queue) => this.client.declare(queue)))
    }
  }

  async publisher(queue: string): Promise<Publisher> {
    const handle = this.client.queue(Queue.bytes(queue))
    return {
      publish: (bodies) =>
        bodies.length === 1 ? handle.publish(bodies[0]) : handle.publishMany(bodies),
    }
  }

  async consumer(queue: string, prefetch: number, onMessages: OnMessages): Promise<Consumer> {
    const handle = this.client.queue(Queue.bytes(queue))
    const consumer = await handle.consume({ prefetchMessages: prefetch })
    const read = async (): Promise<void> => {
      for (;;) {
        const batch = await consumer.take()
        if (batch === undefined) return
        // A body of raw bytes is a msgpack bin: what the publisher handed over starts behind its
        // head.
        onMessages(batch.bodies().map(rawBytes))
        batch.ack().catch(this.onFailure)
      }
    }
    const reading = read().catch(this.onFailure)
    return {
      stop: async () => {
        await consumer.close()
        await reading
      },
    }
  }

  async list(): Promise<number> {
    let rows = 0
    let after: string | undefined
    do {
      const page = await this.client.list(after === undefined ? {} : { after })
      rows += page.queues.length
      after = page.next
    } while (after !== undefined)
    return rows
  }

  close(): Promise<void> {
    return this.client.close()
  }
}

/** What the publisher handed over: bin8, bin16 and bin32 have heads of 2, 3 and 5 bytes. */
export const rawBytes = (body: Uint8Array): Uint8Array =>
  body.subarray(body[0] === 0xc4 ? 2 : body[0] === 0xc5 ? 3 : 5)
