/**
 * Owns: the way to one other node: a connection that is made when it is needed, @effect/rpc's
 * client protocol over it, backoff.
 * Must not know: what is called; who else uses a connection.
 *
 * When a connection ends, the calls on it fail and the engine sends them again, wherever their
 * shard is then. While the backoff runs calls fail at once, so the engine's own wait and the
 * caller's time-out bound them. A connection that comes after `close` is closed at once.
 */
import { type Clock, isSkeinError, limits, SkeinError, skeinError } from "@skein/model"
import { Effect } from "effect"
import { RpcClientError } from "../Platform.js"
import { decodeToClient, encodeMessage, type ToClient, type ToServer } from "./EngineMessage.js"
import type { PeerConnection, Peers } from "./Peers.js"

const backoffMinMs = 20
const backoffMaxMs = 500

export interface PeerLinkOptions {
  readonly peers: Peers
  readonly address: string
  readonly clock: Clock
  /** Takes the answers, and the news that all open calls have failed. */
  readonly deliver: (message: ToClient) => void
}

export class PeerLink {
  readonly #options: PeerLinkOptions
  readonly #calls = new Set<string>()
  #connection: PeerConnection | undefined
  #connecting: Promise<PeerConnection | SkeinError> | undefined
  #backoffMs = backoffMinMs
  #notBeforeMs = 0
  #closed = false

  constructor(options: PeerLinkOptions) {
    this.#options = options
  }

  send(message: ToServer): Effect.Effect<void, RpcClientError.RpcClientError> {
    if (message._tag !== "Request") {
      return Effect.sync(() => {
        if (message._tag !== "Interrupt" || !this.#calls.delete(message.requestId)) return
        if (this.#connection !== undefined) this.#write(this.#connection, message)
      })
    }
    return Effect.tryPromise({
      try: () => this.#request(message),
      catch: (cause) =>
        new RpcClientError.RpcClientError({
          reason: "Protocol",
          message: isSkeinError(cause) ? cause.detail : "a call could not be sent",
          cause,
        }),
    })
  }

  /** Ends the connection as it is now: the node at the other end is thought to be gone. */
  drop(): void {
    void this.#connection?.close()
  }

  close(): Promise<void> {
    this.#closed = true
    return this.#connection?.close() ?? Promise.resolve()
  }

  async #request(message: Extract<ToServer, { readonly _tag: "Request" }>): Promise<void> {
    if (this.#calls.size >= limits.peerCallsMax) {
      throw skeinError("Overloaded", `${limits.peerCallsMax} calls to a node wait already`)
    }
    this.#calls.add(message.id)
    const connection = this.#connection ?? (await this.#connected())
    if (connection instanceof SkeinError) {
      this.#calls.delete(message.id)
      throw connection
    }
    // Interrupted meanwhile: nobody waits for it.
    if (!this.#calls.has(message.id)) return
    const problem = this.#write(connection, message)
    if (problem === undefined) return
    this.#calls.delete(message.id)
    throw problem
  }

  #write(connection: PeerConnection, message: ToServer): SkeinError | undefined {
    const bytes = encodeMessage(message)
    return bytes instanceof SkeinError ? bytes : connection.send(bytes)
  }

  #connected(): Promise<PeerConnection | SkeinError> {
    if (this.#connecting !== undefined) return this.#connecting
    const { address, clock } = this.#options
    if (this.#closed || clock.monotonicMs() < this.#notBeforeMs) {
      return Promise.resolve(skeinError("ConnectionFailed", `${address} did not answer just now`))
    }
    this.#connecting = this.#connect().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  async #connect(): Promise<PeerConnection | SkeinError> {
    const { peers, address, deliver } = this.#options
    // Until something has come back: a node that closes each connection is not called in a loop.
    this.#backOff()
    let connection: PeerConnection
    try {
      connection = await peers.connect(address)
    } catch (cause) {
      this.#backOff()
      return isSkeinError(cause) ? cause : skeinError("ConnectionFailed", String(cause))
    }
    if (this.#closed) {
      void connection.close()
      return skeinError("ConnectionFailed", "the engine has stopped")
    }
    this.#connection = connection
    connection.onMessage((payload) => this.#take(connection, payload))
    void connection.closed.then((cause) => {
      if (this.#connection === connection) this.#connection = undefined
      this.#calls.clear()
      deliver(ended(cause))
    })
    return connection
  }

  #take(connection: PeerConnection, payload: Uint8Array): void {
    const message = decodeToClient(payload)
    if (message instanceof SkeinError) {
      void connection.close()
      return
    }
    this.#backoffMs = backoffMinMs
    this.#notBeforeMs = 0
    if (message._tag === "Exit") this.#calls.delete(message.requestId)
    this.#options.deliver(message)
  }

  #backOff(): void {
    this.#notBeforeMs = this.#options.clock.monotonicMs() + this.#backoffMs
    this.#backoffMs = Math.min(this.#backoffMs * 2, backoffMaxMs)
  }
}

const ended = (cause: SkeinError): ToClient => ({
  _tag: "ClientProtocolError",
  error: new RpcClientError.RpcClientError({
    reason: "Protocol",
    message: `the connection ended: ${cause.detail}`,
    cause,
  }),
})
