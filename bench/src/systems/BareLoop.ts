/**
 * Driver of the yardstick: frames of msgpack messages straight into `bareLoopServer`. It packs
 * and unpacks each message, as any queue with typed payloads must.
 */
import { mkdirSync } from "node:fs"
import net from "node:net"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { Packr } from "msgpackr"
import { BrokerProcess } from "../process/BrokerProcess.js"
import { freePort } from "../process/ports.js"
import type { Broker, Consumer, OnMessages, Publisher, Session, System } from "../System.js"
import { bareHead, bareHeadBytes, bareKind, FrameReader } from "./BareFrame.js"

interface BareMessage {
  readonly id: number
  readonly key: null
  readonly body: Uint8Array
}

const serverFile = path.join(path.dirname(fileURLToPath(import.meta.url)), "bareLoopServer.js")
const packr = new Packr({ useRecords: false })

export const bareLoop: System = {
  name: "bare-loop",
  durability: "one fdatasync per group of frames before the confirm; acks appended; no recovery",
  absent: async () => undefined,
  unfit: (demand) =>
    demand.backlog || demand.restart
      ? "it stores nothing that could wait or be recovered"
      : demand.queues > 1 || demand.consumers > 1
        ? "it has one queue with one consumer"
        : undefined,
  version: async () => ({ version: process.versions.node }),
  start: async (dir) => {
    mkdirSync(dir, { recursive: true })
    const port = await freePort()
    const broker = await BrokerProcess.start({
      name: "bare-loop",
      command: process.execPath,
      args: [serverFile, String(port), dir],
      dir,
      port,
      ipc: true,
    })
    return new BareBroker(broker, port)
  },
}

class BareBroker implements Broker {
  readonly pids: readonly number[]

  constructor(
    private readonly broker: BrokerProcess,
    private readonly port: number,
  ) {
    this.pids = [broker.pid]
  }

  async connect(onFailure: (error: unknown) => void): Promise<Session> {
    return new BareSession(this.port, onFailure)
  }

  kill(): Promise<void> {
    return this.broker.kill()
  }

  stop(): Promise<void> {
    return this.broker.stop()
  }
}

class BareSession implements Session {
  private readonly sockets = new Set<net.Socket>()

  constructor(
    private readonly port: number,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  async declare(): Promise<void> {}

  async publisher(): Promise<Publisher> {
    return new BarePublisher(await this.open())
  }

  async consumer(_queue: string, _prefetch: number, onMessages: OnMessages): Promise<Consumer> {
    const socket = await this.open()
    const reader = new FrameReader()
    socket.on("data", (chunk) => {
      // All acks of one chunk leave in one packet.
      socket.cork()
      reader.read(chunk, (_kind, count, frame) => {
        const messages: BareMessage[] = packr.unpack(frame.subarray(bareHeadBytes))
        onMessages(messages.map(({ body }) => body))
        const ids = packr.pack(messages.map(({ id }) => id))
        socket.write(bareHead(bareKind.ack, count, ids.length))
        socket.write(ids)
      })
      socket.uncork()
    })
    send(socket, bareKind.subscribe, 0, Buffer.alloc(0))
    return { stop: async () => void socket.end() }
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
  }

  private open(): Promise<net.Socket> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(this.port, "127.0.0.1", () => {
        socket.setNoDelay(true)
        socket.off("error", reject)
        socket.on("error", this.onFailure)
        resolve(socket)
      })
      socket.once("error", reject)
      this.sockets.add(socket)
    })
  }
}

class BarePublisher implements Publisher {
  private nextId = 0
  private readonly inFlight: { count: number; resolve: () => void }[] = []
  private oldest = 0
  private confirmed = 0
  private rest: Buffer = Buffer.alloc(0)

  constructor(private readonly socket: net.Socket) {
    socket.on("data", (chunk) => this.onConfirms(chunk))
  }

  publish(bodies: readonly Uint8Array[]): Promise<void> {
    const messages: BareMessage[] = bodies.map((body) => ({ id: this.nextId++, key: null, body }))
    send(this.socket, bareKind.publish, messages.length, packr.pack(messages))
    return new Promise((resolve) => this.inFlight.push({ count: messages.length, resolve }))
  }

  private onConfirms(chunk: Buffer): void {
    const data = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
    let at = 0
    for (; data.length - at >= 4; at += 4) this.confirmed += data.readUInt32LE(at)
    this.rest = data.subarray(at)
    for (; this.oldest < this.inFlight.length; this.oldest++) {
      const { count, resolve } = this.inFlight[this.oldest]!
      if (count > this.confirmed) break
      this.confirmed -= count
      resolve()
    }
    if (this.oldest < 1024) return
    this.inFlight.splice(0, this.oldest)
    this.oldest = 0
  }
}

const send = (socket: net.Socket, kind: number, count: number, body: Buffer): void => {
  socket.cork()
  socket.write(bareHead(kind, count, body.length))
  socket.write(body)
  socket.uncork()
}
