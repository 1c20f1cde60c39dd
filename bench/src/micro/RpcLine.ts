/**
 * Owns: publishes as calls of @effect/rpc in rpc envelopes, both ends: what publishing would cost
 * if the data plane had no envelopes of its own. Built as the control plane is built.
 */
import type { Socket } from "node:net"
import { RpcClient, RpcGroup, Rpc as RpcOf, RpcServer } from "@effect/rpc"
import {
  decodeRpcCall,
  EnvelopeReader,
  encodeEnvelope,
  encodeRpcCall,
  Outbox,
  type PublishAnswer,
  type PublishRequest,
  packValue,
  scanValue,
  unpackValue,
} from "@skein/wire"
import { Effect, Exit, Mailbox, Option, Schema, Scope } from "effect"

const rpcs = RpcGroup.make(
  RpcOf.make("publish", {
    payload: {
      queue: Schema.Struct({ shard: Schema.Int, generation: Schema.Int }),
      producer: Schema.String,
      frameNumber: Schema.Int,
      frame: Schema.Uint8ArrayFromSelf,
    },
    success: Schema.Struct({ first: Schema.Int, count: Schema.Int }),
  }),
)

type Publish = (request: PublishRequest) => Promise<PublishAnswer>

/** Sends and takes the payloads of rpc envelopes; writes once per turn, as a connection does. */
const rpcEnvelopes = (
  socket: Socket,
  take: (correlation: number, payload: Uint8Array) => void,
): ((correlation: number, payload: Uint8Array) => void) => {
  const reader = new EnvelopeReader()
  const outbox = new Outbox()
  let flushing = false
  const flush = (): void => {
    flushing = false
    socket.cork()
    for (const buffer of outbox.take()) socket.write(buffer)
    socket.uncork()
  }
  socket.on("data", (chunk) => {
    const problem = reader.push(chunk, (_, correlation, payload) => {
      take(correlation, payload)
      return true
    })
    if (problem !== undefined) socket.destroy(problem)
  })
  return (correlation, payload) => {
    outbox.push(encodeEnvelope("rpc", correlation, payload))
    if (flushing) return
    flushing = true
    process.nextTick(flush)
  }
}

type ServerProtocol = RpcServer.Protocol["Type"]

/** The node's end. */
export const serveRpc = (socket: Socket, publish: Publish): void => {
  let deliver: Parameters<ServerProtocol["run"]>[0] = () => Effect.void
  const send = rpcEnvelopes(socket, (correlation, bytes) => {
    const call = decodeRpcCall(bytes)
    if (call instanceof Error) throw call
    const request = { id: String(correlation), tag: call.call, payload: call.payload }
    Effect.runFork(deliver(0, { _tag: "Request", ...request, headers: [] }))
  })
  const server = Effect.gen(function* () {
    const protocol = RpcServer.Protocol.of({
      run: (run) =>
        Effect.suspend(() => {
          deliver = run
          return Effect.never
        }),
      disconnects: yield* Mailbox.make<number>(),
      send: (_, response) =>
        Effect.sync(() => {
          if (response._tag !== "Exit" || response.exit._tag !== "Success") return
          send(Number(response.requestId), packValue(response.exit.value))
        }),
      end: () => Effect.void,
      clientIds: Effect.succeed(new Set([0])),
      initialMessage: Effect.succeed(Option.none()),
      supportsAck: false,
      supportsTransferables: false,
      supportsSpanPropagation: false,
    })
    const handlers = rpcs.toLayer({
      publish: (request) => Effect.promise(() => publish(request)),
    })
    const options = { disableTracing: true, disableFatalDefects: true }
    return yield* RpcServer.make(rpcs, options).pipe(
      Effect.provideService(RpcServer.Protocol, protocol),
      Effect.provide(handlers),
    )
  })
  const fiber = Effect.runFork(server)
  socket.once("close", () => fiber.unsafeInterruptAsFork(fiber.id()))
}

type ClientProtocol = RpcClient.Protocol["Type"]

/** The client's end. */
export const publishByRpc = (socket: Socket): Publish => {
  let deliver: Parameters<ClientProtocol["run"]>[0] = () => Effect.void
  const ids = new Map<number, Parameters<ClientProtocol["send"]>[0] & { _tag: "Request" }>()
  let correlations = 0
  const send = rpcEnvelopes(socket, (correlation, bytes) => {
    const request = ids.get(correlation)
    ids.delete(correlation)
    if (request === undefined || scanValue(bytes, { strict: true }) !== undefined) return
    const exit = { _tag: "Success" as const, value: unpackValue(bytes) }
    Effect.runFork(deliver({ _tag: "Exit", requestId: request.id, exit }))
  })
  const protocol = RpcClient.Protocol.of({
    run: (run) =>
      Effect.suspend(() => {
        deliver = run
        return Effect.never
      }),
    send: (message) =>
      Effect.sync(() => {
        if (message._tag !== "Request") return
        const correlation = ++correlations
        ids.set(correlation, message)
        send(correlation, encodeRpcCall({ call: message.tag, payload: message.payload }))
      }),
    supportsAck: false,
    supportsTransferables: false,
  })
  const scope = Effect.runSync(Scope.make())
  socket.once("close", () => Effect.runFork(Scope.close(scope, Exit.void)))
  const client = Effect.runSync(
    RpcClient.make(rpcs, { disableTracing: true }).pipe(
      Effect.provideService(RpcClient.Protocol, protocol),
      Scope.extend(scope),
    ),
  )
  return (request) => Effect.runPromise(client.publish(request))
}
