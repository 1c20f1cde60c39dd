/**
 * Owns: the Admin port over a channel: @effect/rpc's client over a protocol of ours, which sends
 * each request as one rpc envelope. Promises outside, no Effect in the types.
 */
import { decodeError, isSkeinError, type SkeinErrorEncoded, skeinError } from "@skein/model"
import {
  type Admin,
  AdminRpcs,
  type EncodedExit,
  encodeEnvelope,
  encodeRpcCall,
  exitOfError,
  scanValue,
  unpackValue,
} from "@skein/wire"
import { Cause, Effect, Exit, FiberRef, Option, Scope } from "effect"
import { RpcClient } from "../Platform.js"
import type { CallOptions } from "./Calls.js"
import type { Channel } from "./Channel.js"
import type { ConnectionAdmin } from "./Connection.js"

type Protocol = RpcClient.Protocol["Type"]
type Deliver = Parameters<Protocol["run"]>[0]

/** How a call's options reach the protocol's `send`, which runs in the calling fiber. */
const callOptions = FiberRef.unsafeMake<CallOptions>({})

export const remoteAdmin = (channel: Channel): ConnectionAdmin => {
  const scope = Effect.runSync(Scope.make())
  void channel.closed.then(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  const client = Effect.runSync(
    RpcClient.make(AdminRpcs, { disableTracing: true }).pipe(
      Effect.provideService(RpcClient.Protocol, protocolOver(channel)),
      Scope.extend(scope),
    ),
  )
  return {
    declare: (name, policy, options) => {
      const settings = policy === undefined ? {} : { policy: numbersOf(policy) }
      return run(client.declare({ name, ...settings }), options)
    },
    delete: (name, options) => run(client.delete({ name }), options),
    lookup: (name, options) => run(client.lookup({ name }), options),
    list: (request, options) => run(client.list(request ?? {}), options),
    show: (name, options) => run(client.show({ name }), options),
    purge: (name, options) => run(client.purge({ name }), options),
    peek: (request, options) => run(client.peek(request), options),
    status: (options) => run(client.status({}), options),
    cluster: (options) => run(client.cluster({}), options),
    beginBackup: (shard, options) => run(client.beginBackup({ shard }), options),
    readBackup: (request, options) => run(client.readBackup(request), options),
    drainNode: async (node, options) => {
      await run(client.drainNode({ node }), options)
    },
    reviveNode: async (node, options) => {
      await run(client.reviveNode({ node }), options)
    },
    planMoves: (options) => run(client.planMoves({}), options),
    rebalance: (options) => run(client.rebalance({}), options),
    whyShard: (shard, options) => run(client.whyShard({ shard }), options),
    moveShard: async (shard, node, options) => {
      await run(client.moveShard({ shard, node }), options)
    },
    decisions: (request, options) => run(client.decisions(request ?? {}), options),
    restartNode: async (node, instance, options) => {
      await run(client.restartNode({ node, instance }), options)
    },
    shardLoads: (options) => run(client.shardLoads({}), options),
    clients: (node, options) => run(client.clients(node === undefined ? {} : { node }), options),
  }
}

const protocolOver = (channel: Channel): Protocol => {
  let deliver: Deliver = () => Effect.void
  return RpcClient.Protocol.of({
    run: (f) =>
      Effect.suspend(() => {
        deliver = f
        return Effect.never
      }),
    send: (message) => {
      // An interrupt or an ack has no counterpart on the wire: the answer that comes is dropped.
      if (message._tag !== "Request") return Effect.void
      const payload = encodeRpcCall({ call: message.tag, payload: message.payload })
      return Effect.map(FiberRef.get(callOptions), (options) => {
        void callOver(channel, payload, options).then((exit) =>
          Effect.runFork(deliver({ _tag: "Exit", requestId: message.id, exit })),
        )
      })
    },
    supportsAck: false,
    supportsTransferables: false,
  })
}

const callOver = (
  channel: Channel,
  payload: Uint8Array,
  options: CallOptions,
): Promise<EncodedExit> =>
  channel
    .call(
      "rpc",
      "rpc",
      (correlation) => encodeEnvelope("rpc", correlation, payload),
      (bytes): EncodedExit => {
        const problem = scanValue(bytes, { strict: true })
        return problem === undefined
          ? { _tag: "Success", value: unpackValue(bytes) }
          : exitOfError(skeinError("ProtocolError", `the node's answer: ${problem}`))
      },
      options,
    )
    .catch((cause: unknown) =>
      exitOfError(isSkeinError(cause) ? cause : skeinError("InternalError", String(cause))),
    )

const run = async <Value, Failure>(
  effect: Effect.Effect<Value, Failure>,
  options: CallOptions = {},
): Promise<Value> => {
  const exit = await Effect.runPromiseExit(Effect.locally(effect, callOptions, options))
  if (Exit.isSuccess(exit)) return exit.value
  const failure = Cause.failureOption(exit.cause)
  if (Option.isSome(failure) && isEncoded(failure.value)) throw decodeError(failure.value)
  const cause = Cause.squash(exit.cause)
  throw skeinError("InternalError", `the node's answer cannot be read: ${cause}`, {}, { cause })
}

const isEncoded = (failure: unknown): failure is SkeinErrorEncoded =>
  typeof failure === "object" && failure !== null && "tag" in failure && "detail" in failure

/** A setting that is `undefined` is left out. */
const numbersOf = (
  policy: NonNullable<Parameters<Admin["declare"]>[1]>,
): Record<string, number> => {
  const numbers: Record<string, number> = {}
  for (const [name, value] of Object.entries(policy)) {
    if (value !== undefined) numbers[name] = value
  }
  return numbers
}
