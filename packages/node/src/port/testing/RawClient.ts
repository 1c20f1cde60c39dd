/**
 * Owns: a client for tests that can send anything: raw bytes, envelopes in any order, nothing at
 * all.
 * It reads what the node sends as envelopes.
 */
import { connect, type Socket } from "node:net"
import { invariant, type SkeinError } from "@skein/model"
import {
  decodeErrorEnvelope,
  EnvelopeReader,
  encodeHello,
  type Kind,
  kindName,
  kinds,
  type Parts,
} from "@skein/wire"

export interface Received {
  readonly kind: Kind
  readonly correlation: number
  readonly payload: Uint8Array
}

export class RawClient {
  readonly socket: Socket
  /** All envelopes that came, in order. */
  readonly received: Received[] = []
  readonly closed: Promise<void>
  #isClosed = false
  #taken = 0
  #wake: () => void = () => {}
  readonly #reader = new EnvelopeReader()

  constructor(port: number) {
    this.socket = connect({ host: "127.0.0.1", port, noDelay: true })
    this.socket.on("error", () => {})
    this.closed = new Promise((resolve) => this.socket.once("close", () => resolve()))
    void this.closed.then(() => {
      this.#isClosed = true
      this.#wake()
    })
    this.socket.on("data", (chunk) => {
      const problem = this.#reader.push(chunk, (number, correlation, payload) => {
        const kind = kindName(number)
        invariant(kind !== undefined, "the reader knows the kind")
        return this.received.push({ kind, correlation, payload }) > 0
      })
      if (problem !== undefined) throw problem
      this.#wake()
    })
  }

  /** Connected and welcomed. */
  static async open(port: number, token?: string): Promise<RawClient> {
    const client = new RawClient(port)
    client.send(encodeHello({ min: 1, max: 1, ...(token !== undefined && { token }) }))
    const welcome = await client.next()
    invariant(welcome?.kind === "welcome", "a good hello is welcomed")
    return client
  }

  send(parts: Parts): void {
    for (const part of parts) this.socket.write(part)
  }

  bytes(...values: readonly (Uint8Array | string)[]): void {
    for (const value of values) {
      this.socket.write(typeof value === "string" ? Buffer.from(value, "latin1") : value)
    }
  }

  /** The next envelope, or `undefined` when the connection has ended. */
  async next(): Promise<Received | undefined> {
    while (this.received.length === this.#taken) {
      if (this.#isClosed) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.received[this.#taken++]
  }

  /** The next envelope, which must be an error. */
  async error(): Promise<{ readonly correlation: number; readonly error: SkeinError }> {
    const next = await this.next()
    invariant(next !== undefined, "the connection ended without an error envelope")
    invariant(next.kind === "error", `expected an error, not ${next.kind}`)
    return { correlation: next.correlation, error: decodeErrorEnvelope(next.payload) }
  }

  /** One error for the connection, then its end, and nothing else. */
  async refusal(): Promise<SkeinError> {
    const { correlation, error } = await this.error()
    invariant(correlation === 0, "a refusal concerns the connection")
    const after = await this.next()
    invariant(after === undefined, `nothing follows a refusal, but ${after?.kind} did`)
    return error
  }

  /** Round trip: the connection is served. */
  async ping(correlation = 4_000_000_000): Promise<boolean> {
    this.send([header(kinds.ping, correlation)])
    const pong = await this.next()
    return pong?.kind === "pong" && pong.correlation === correlation
  }

  /** Pings until `condition` holds: time for others to be served, and a proof that this one is. */
  async until(condition: () => boolean): Promise<void> {
    for (let round = 0; !condition(); round++) {
      invariant(round < 20_000, "what is waited for does not come")
      invariant(await this.ping(), "a bystander is served")
    }
  }

  async end(): Promise<void> {
    this.socket.destroy()
    await this.closed
  }
}

/** An envelope without a codec's care: any kind, any bytes, any announced length. */
export const header = (
  kind: number,
  correlation: number,
  payload: Uint8Array = new Uint8Array(0),
  length: number = 6 + payload.length,
): Uint8Array => {
  const out = new Uint8Array(10 + payload.length)
  const view = new DataView(out.buffer)
  view.setUint32(0, length, true)
  out[4] = 1
  out[5] = kind
  view.setUint32(6, correlation, true)
  out.set(payload, 10)
  return out
}
