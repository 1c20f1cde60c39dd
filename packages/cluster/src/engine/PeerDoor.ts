/**
 * Owns: the engine's server side over connections of peers: @effect/rpc's protocol for its
 * RpcServer, and the door at which a port hands in what peers send.
 * Must not know: sockets, what the calls do.
 *
 * A peer that goes away takes its calls with it: the engine interrupts them, and answers that come
 * late find nobody. Calls and their bytes are bounded per peer; one that goes beyond loses its
 * connection, because an honest one waits at its own end first (PeerLink).
 */
import { limits, SkeinError, skeinError } from "@skein/model"
import { Effect, Layer, Mailbox, Option } from "effect"
import { RpcServer } from "../Platform.js"
import { decodeToServer, encodeMessage, type ToClient } from "./EngineMessage.js"
import type { EngineDoor, PeerLine } from "./Peers.js"

type Protocol = RpcServer.Protocol["Type"]
type Deliver = Parameters<Protocol["run"]>[0]

interface Client {
  readonly send: (payload: Uint8Array) => void
  /** Of calls that are not answered, by their id. */
  readonly callBytes: Map<string, number>
  bytes: number
}

export class PeerDoor implements EngineDoor {
  readonly #clients = new Map<number, Client>()
  #deliver: Deliver | undefined
  #disconnects: Mailbox.Mailbox<number> | undefined
  #lastClient = 0

  /** For the engine's RpcServer. */
  readonly layer: Layer.Layer<RpcServer.Protocol> = Layer.effect(
    RpcServer.Protocol,
    Effect.gen(this, function* () {
      const disconnects = yield* Mailbox.make<number>()
      this.#disconnects = disconnects
      return RpcServer.Protocol.of({
        run: (deliver) =>
          Effect.suspend(() => {
            this.#deliver = deliver
            return Effect.onExit(Effect.never, () =>
              Effect.sync(() => {
                this.#deliver = undefined
              }),
            )
          }),
        disconnects,
        send: (client, response) => Effect.sync(() => this.#answer(client, response)),
        end: () => Effect.void,
        clientIds: Effect.sync(() => new Set(this.#clients.keys())),
        initialMessage: Effect.succeed(Option.none()),
        supportsAck: false,
        supportsTransferables: false,
        supportsSpanPropagation: false,
      })
    }),
  )

  open(send: (payload: Uint8Array) => void): PeerLine {
    const id = ++this.#lastClient
    const client: Client = { send, callBytes: new Map(), bytes: 0 }
    this.#clients.set(id, client)
    return {
      receive: (payload) => this.#receive(id, client, payload),
      close: () => {
        this.#clients.delete(id)
        this.#disconnects?.unsafeOffer(id)
      },
    }
  }

  #receive(id: number, client: Client, payload: Uint8Array): SkeinError | undefined {
    const message = decodeToServer(payload)
    if (message instanceof SkeinError) return message
    const deliver = this.#deliver
    if (deliver === undefined) return skeinError("ShardUnavailable", "the engine is not running")
    if (message._tag === "Request") {
      if (client.callBytes.has(message.id)) {
        return skeinError("ProtocolError", `engine: call ${message.id} is still in use`)
      }
      if (client.callBytes.size >= limits.peerCallsMax) return tooMuch("peerCallsMax")
      if (client.bytes + payload.length > limits.peerCallBytesMax) {
        return tooMuch("peerCallBytesMax")
      }
      client.callBytes.set(message.id, payload.length)
      client.bytes += payload.length
    }
    Effect.runFork(deliver(id, message))
    return undefined
  }

  #answer(id: number, response: ToClient): void {
    const client = this.#clients.get(id)
    if (client === undefined) return
    if (response._tag === "Exit") {
      client.bytes -= client.callBytes.get(response.requestId) ?? 0
      client.callBytes.delete(response.requestId)
    }
    const bytes = encodeMessage(response)
    if (!(bytes instanceof SkeinError)) {
      client.send(bytes)
    } else if (response._tag === "Exit") {
      this.#answer(id, died(response.requestId, bytes.detail))
    }
  }
}

const died = (requestId: string, defect: string): ToClient => ({
  _tag: "Exit",
  requestId,
  exit: { _tag: "Failure", cause: { _tag: "Die", defect } },
})

const tooMuch = (limit: "peerCallBytesMax" | "peerCallsMax"): SkeinError => {
  const max = limits[limit]
  return skeinError("LimitExceeded", "too many calls are not answered yet", { limit, max })
}
