/** Owns: the Broker port over a channel: one envelope per call, a fetch answered in two steps. */
import { limits, SkeinError, skeinError } from "@skein/model"
import {
  type DeliveredRun,
  decodeErrorEnvelope,
  decodeExtended,
  decodeFetched,
  decodePublished,
  decodeSettled,
  encodeCloseSession,
  encodeEnvelope,
  encodeExtend,
  encodeFetch,
  encodeOpenSession,
  encodePublish,
  encodeSettle,
  type FetchCall,
  type FetchRequest,
  kinds,
  type SettleAnswer,
} from "@skein/wire"
import { Deferred, ignore } from "../Deferred.js"
import type { CallOptions } from "./Calls.js"
import { type Channel, unexpected } from "./Channel.js"
import type { ConnectionBroker } from "./Connection.js"

export const remoteBroker = (channel: Channel): ConnectionBroker => ({
  publish: (request, options) =>
    request.frame.length > limits.frameBytesMax
      ? Promise.reject(frameTooLarge(request.frame.length))
      : channel.call(
          "publish",
          "published",
          (correlation) => encodePublish(correlation, request),
          decodePublished,
          options,
        ),
  fetch: (request, options) => fetchOver(channel, request, options ?? {}),
  settle: (request, options) =>
    channel.call(
      "settle",
      "settled",
      (correlation) => encodeSettle(correlation, request),
      decodeSettled,
      options,
    ),
  extend: (request, options) =>
    channel.call(
      "extend",
      "extended",
      (correlation) => encodeExtend(correlation, request),
      decodeExtended,
      options,
    ),
  openSession: (session, leaseMs, options) =>
    channel.call(
      "openSession",
      "ok",
      (correlation) => encodeOpenSession(correlation, { session, leaseMs }),
      decodeOk,
      options,
    ),
  closeSession: (session, options) =>
    channel.call(
      "closeSession",
      "ok",
      (correlation) => encodeCloseSession(correlation, session),
      decodeOk,
      options,
    ),
})

const frameTooLarge = (byteCount: number): SkeinError =>
  skeinError("LimitExceeded", `the frame has ${byteCount} bytes`, {
    limit: "frameBytesMax",
    max: limits.frameBytesMax,
  })

const decodeOk = (): void => {}

const fetchOver = (channel: Channel, request: FetchRequest, options: CallOptions): FetchCall => {
  const settled = new Deferred<SettleAnswer>()
  const delivered = new Deferred<readonly DeliveredRun[]>()
  // Who asks for one of them alone must not be ended by an unhandled rejection of the other.
  settled.promise.catch(ignore)
  delivered.promise.catch(ignore)
  // What has been answered; a call that nobody waits for any more still gets its answers.
  let isOver = false
  let isDelivered = false
  // Without settles the node answers once.
  let isSettled = request.settles.length === 0
  if (isSettled) settled.resolve([])
  const fail = (error: SkeinError): void => {
    isOver = true
    settled.reject(error)
    delivered.reject(error)
  }
  const cancelFetch = (correlation: number) =>
    channel.send(encodeEnvelope("cancelFetch", correlation))
  const correlation = channel.begin({
    name: "fetch",
    timeoutMs: request.waitMs + (options.timeoutMs ?? channel.timeoutMs),
    signal: options.signal,
    fail,
    onAbandon: cancelFetch,
    take: (kind, payload) => {
      if (kind === kinds.error) {
        fail(decodeErrorEnvelope(payload))
        return true
      }
      if (kind === kinds.settled && !isSettled) {
        const answer = decodeSettled(payload)
        if (answer instanceof SkeinError) return answer
        isSettled = true
        settled.resolve(answer)
      } else if (kind === kinds.fetched && !isDelivered) {
        const runs = decodeFetched(payload)
        if (runs instanceof SkeinError) return runs
        isDelivered = true
        delivered.resolve(runs)
      } else {
        return unexpected("fetch", kind)
      }
      return isSettled && isDelivered
    },
  })
  if (typeof correlation !== "number") {
    fail(correlation)
    return { settled: settled.promise, delivered: delivered.promise, cancel: ignore }
  }
  channel.send(encodeFetch(correlation, request))
  const cancel = (): void => {
    if (!isDelivered && !isOver) cancelFetch(correlation)
  }
  return { settled: settled.promise, delivered: delivered.promise, cancel }
}
