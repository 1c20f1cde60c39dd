/**
 * Owns: the control plane's server: @effect/rpc's RpcServer over a protocol of ours, which takes
 * the payloads of rpc envelopes. To the engine all connections are one client; each call has its
 * own id.
 * Must not know: sockets; what the calls do.
 */
import { decodeError, type SkeinError, skeinError } from "@skein/model"
import { type Admin, AdminRpcs, decodeRpcCall, packValue, type RpcCall } from "@skein/wire"
import { Effect, Either, Fiber, Mailbox, Option, ParseResult, Schema } from "effect"
import { RpcServer } from "../Platform.js"
import type { AdminDoor } from "./AdminDoor.js"
import { adminHandlers } from "./AdminHandlers.js"

type Answer = (result: SkeinError | Uint8Array) => void
type Protocol = RpcServer.Protocol["Type"]
type Deliver = Parameters<Protocol["run"]>[0]
type FromServer = Parameters<Protocol["send"]>[1]

export interface RpcDoor extends AdminDoor {
  /** Calls that are not answered yet are answered with ShardUnavailable. */
  readonly close: () => Promise<void>
}

export const openRpcDoor = (admin: Admin): RpcDoor => {
  const answers = new Map<string, Answer>()
  let deliver: Deliver | undefined
  let lastId = 0
  const settle = (id: string, result: SkeinError | Uint8Array): void => {
    const answer = answers.get(id)
    answers.delete(id)
    answer?.(result)
  }
  const fiber = Effect.runFork(
    Effect.gen(function* () {
      const protocol = RpcServer.Protocol.of({
        run: (run) =>
          Effect.suspend(() => {
            deliver = run
            return Effect.never
          }),
        disconnects: yield* Mailbox.make<number>(),
        send: (_clientId, response) => Effect.sync(() => take(response, settle, answers)),
        end: () => Effect.void,
        clientIds: Effect.succeed(new Set([0])),
        initialMessage: Effect.succeed(Option.none()),
        supportsAck: false,
        supportsTransferables: false,
        supportsSpanPropagation: false,
      })
      const options = { disableTracing: true, disableFatalDefects: true }
      return yield* RpcServer.make(AdminRpcs, options).pipe(
        Effect.provideService(RpcServer.Protocol, protocol),
        Effect.provide(adminHandlers(admin)),
      )
    }),
  )
  return {
    call: (payload, answer) => {
      const call = decodeCall(payload)
      if (call instanceof Error) {
        answer(call)
        return
      }
      if (deliver === undefined) {
        answer(skeinError("ShardUnavailable", "the control plane is not open"))
        return
      }
      const id = String(++lastId)
      answers.set(id, answer)
      Effect.runFork(
        deliver(0, { _tag: "Request", id, tag: call.call, payload: call.payload, headers: [] }),
      )
    },
    close: async () => {
      deliver = undefined
      await Effect.runPromise(Fiber.interrupt(fiber))
      for (const id of [...answers.keys()]) {
        settle(id, skeinError("ShardUnavailable", "the node is shutting down"))
      }
    },
  }
}

/**
 * Checked here once more than the engine does, because here the caller can be told what is wrong.
 */
const decodeCall = (payload: Uint8Array): RpcCall | SkeinError => {
  const call = decodeRpcCall(payload)
  if (call instanceof Error) return call
  const rpc = AdminRpcs.requests.get(call.call)
  if (rpc === undefined) {
    return skeinError(
      "ProtocolError",
      `the call ${JSON.stringify(call.call.slice(0, 64))} is unknown`,
    )
  }
  const schema: Schema.Schema.AnyNoContext = rpc.payloadSchema
  const checked = Schema.decodeUnknownEither(schema)(call.payload)
  if (Either.isRight(checked)) return call
  const detail = ParseResult.TreeFormatter.formatErrorSync(checked.left)
  return skeinError("ProtocolError", `${call.call}: ${detail.slice(0, 512)}`)
}

const take = (
  response: FromServer,
  settle: (id: string, result: SkeinError | Uint8Array) => void,
  answers: ReadonlyMap<string, Answer>,
): void => {
  if (response._tag === "Exit") {
    const { exit } = response
    if (exit._tag === "Success") settle(response.requestId, packValue(exit.value))
    else if (exit.cause._tag === "Fail") settle(response.requestId, errorOf(exit.cause.error))
    else settle(response.requestId, fault())
  } else if (response._tag === "Defect") {
    // The engine does not say whose: none of the open calls can rely on an answer.
    for (const id of [...answers.keys()]) settle(id, fault())
  }
}

const fault = (): SkeinError =>
  skeinError("InternalError", "the call met a fault; the node's log has the cause")

const errorOf = (encoded: unknown): SkeinError =>
  decodeError(encoded as Parameters<typeof decodeError>[0])
