/**
 * The adapter for the stub broker. Reconnects for ever and resends, in order, what has no reply;
 * a second attempt is made when the socket closes or refuses, not after a delay of its own.
 */
import { createConnection, type Socket } from "node:net"
import type { FabricAdapter, FabricClient } from "../FabricClient.js"
import { eachLine } from "./eachLine.js"
import type { StubReply, StubRequest, StubTag } from "./StubProtocol.js"

type Request = StubRequest extends infer R
  ? R extends StubRequest
    ? Omit<R, "number">
    : never
  : never

/** Between two attempts to reach a broker that refuses: it is being started again. */
const reconnectMs = 10

class Link {
  readonly #pending = new Map<number, { line: string; resolve: (reply: StubReply) => void }>()
  #socket: Socket | undefined
  #number = 0
  #closed = false

  constructor(readonly address: string) {
    this.#connect()
  }

  request(request: Request): Promise<StubReply> {
    const number = ++this.#number
    const line = `${JSON.stringify({ ...request, number })}\n`
    return new Promise((resolve) => {
      this.#pending.set(number, { line, resolve })
      this.#socket?.write(line)
    })
  }

  close(): void {
    this.#closed = true
    this.#socket?.destroy()
  }

  #connect(): void {
    const port = Number(this.address.split(":")[1])
    const socket = createConnection({ host: "127.0.0.1", port, noDelay: true })
    socket.on("error", () => socket.destroy())
    socket.on("close", () => {
      this.#socket = undefined
      if (!this.#closed) setTimeout(() => this.#connect(), reconnectMs)
    })
    socket.on("connect", () => {
      this.#socket = socket
      for (const { line } of this.#pending.values()) socket.write(line)
      eachLine(socket, (line) => {
        if (this.#socket !== socket) return
        const { number, ...reply } = JSON.parse(line) as StubReply & { number: number }
        this.#pending.get(number)?.resolve(reply)
        this.#pending.delete(number)
      })
    })
  }
}

export const connect: FabricAdapter["connect"] = async ({ address, process: name }) => {
  const link = new Link(address)
  const producer = `stub-${name}`
  const framesOf = new Map<string, number>()
  const client: FabricClient = {
    producer,
    declare: async (queue) => {
      await link.request({ op: "depth", queue })
    },
    publishBatch: async (queue, bodies) => {
      const frame = (framesOf.get(queue) ?? 0) + 1
      framesOf.set(queue, frame)
      const encoded = bodies.map((body) => Buffer.from(body).toString("base64"))
      const numbered = { producer: `${producer}/${queue}`, frame, bodies: encoded }
      await link.request({ op: "publish", queue, ...numbered })
      return { phase: "ok" }
    },
    fetch: async (queue, { credit, waitMs }) => {
      const { deliveries = [] } = await link.request({ op: "fetch", queue, credit, waitMs })
      return deliveries.map(({ body, ...rest }) => ({
        ...rest,
        body: Buffer.from(body, "base64"),
      }))
    },
    settle: async (queue, kind, tags) => {
      const plain = tags.map((tag): StubTag => [...tag])
      const { accepted = [] } = await link.request({ op: "settle", queue, kind, tags: plain })
      return accepted.map((each) => ({ phase: each ? "ok" : "fail" }))
    },
    depth: async (queue) => (await link.request({ op: "depth", queue })).depth ?? 0,
    close: async () => link.close(),
  }
  return client
}
