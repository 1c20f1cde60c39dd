/**
 * Owns: the node's end of connections, for tests: it says welcome, and then only what the test
 * tells it to. What it reads is kept as envelopes.
 */
import { createServer, type Server, type Socket } from "node:net"
import { invariant } from "@skein/model"
import {
  EnvelopeReader,
  encodeWelcome,
  type Kind,
  kindName,
  type Parts,
  protocolVersion,
} from "@skein/wire"

export interface Asked {
  readonly kind: Kind
  readonly correlation: number
  readonly payload: Uint8Array
}

export class StubNode {
  address = ""
  /** Sent as the answer to a hello; empty: silence. */
  greeting: Parts = encodeWelcome({
    version: protocolVersion,
    node: "stub",
    fabricId: "f",
    instance: "i",
    limits: {},
  })
  readonly sockets: Socket[] = []
  readonly #server: Server
  readonly #asked: Asked[] = []
  #taken = 0
  #wake: () => void = () => {}

  constructor() {
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket))
  }

  static async start(): Promise<StubNode> {
    const node = new StubNode()
    await new Promise<void>((resolve) => node.#server.listen(0, "127.0.0.1", () => resolve()))
    const address = node.#server.address()
    invariant(typeof address === "object" && address !== null, "it listens")
    node.address = `127.0.0.1:${address.port}`
    return node
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  /** The next request of any connection; the hello is not among them. */
  async asked(kind: Kind): Promise<Asked> {
    while (this.#asked.length === this.#taken) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const asked = this.#asked[this.#taken++]
    invariant(asked.kind === kind, `expected ${kind}, not ${asked.kind}`)
    return asked
  }

  /** To the newest connection. */
  send(parts: Parts): void {
    for (const part of parts) this.sockets.at(-1)?.write(part)
  }

  #accept(socket: Socket): void {
    this.sockets.push(socket)
    const reader = new EnvelopeReader({ helloFirst: true })
    socket.on("error", () => {})
    socket.on("data", (chunk) => {
      const problem = reader.push(chunk, (number, correlation, payload) => {
        const kind = kindName(number)
        invariant(kind !== undefined, "the reader knows the kind")
        if (kind === "hello") this.send(this.greeting)
        else this.#asked.push({ kind, correlation, payload })
        return true
      })
      if (problem !== undefined) throw problem
      this.#wake()
    })
  }
}
