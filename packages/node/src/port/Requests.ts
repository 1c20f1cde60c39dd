/**
 * Owns: the requests of one connection that are not answered yet: decoding, handing them to the
 * fabric, answers, their count and bytes. One step per request; nothing here is done per message.
 * Must not know: the socket.
 *
 * Interleavings: a fetch is answered in two steps and holds its correlation until both are sent;
 * its bytes count until its settles are answered, so that a long poll pins nothing. After `drop`
 * (the connection is gone) answers that arrive late are thrown away; sessions live on.
 */
import { isSkeinError, limits, type SessionId, SkeinError, skeinError } from "@skein/model"
import {
  decodeCloseSession,
  decodeExtend,
  decodeFetch,
  decodeOpenSession,
  decodePublish,
  decodeSettle,
  encodeEnvelope,
  encodeErrorEnvelope,
  encodeExtended,
  encodeFetched,
  encodePublished,
  encodeSettled,
  type FetchCall,
  type FetchRequest,
  type Kind,
  kindName,
  kinds,
  type Parts,
} from "@skein/wire"
import { AnswerRoom, heavyCall } from "./AnswerRoom.js"
import type { PortHost } from "./PortHost.js"
import { QueueUses } from "./QueueUses.js"

interface Pending {
  readonly kind: Kind
  /** Counted against the budgets until released. */
  bytes: number
  /** What its answer may take up while it is prepared, counted until the answer is sent. */
  answerBytes: number
  cancel?: () => void
  /** Answers still to be sent. */
  steps: number
}

export class Requests {
  readonly #host: PortHost
  readonly #send: (parts: Parts) => void
  readonly #onRelease: () => void
  readonly #pending = new Map<number, Pending>()
  readonly #sessions = new Set<SessionId>()
  readonly publishes = new QueueUses()
  readonly consumes = new QueueUses()
  readonly #room: AnswerRoom
  #bytes = 0
  #dropped = false

  /** `send` queues an answer; `onRelease` tells that a request was answered. */
  constructor(host: PortHost, send: (parts: Parts) => void, onRelease: () => void) {
    this.#host = host
    this.#send = send
    this.#onRelease = onRelease
    this.#room = new AnswerRoom(host.budget, host.limits.answerBytesPerConnectionMax)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Opened over this connection, and not closed over it. */
  get sessions(): number {
    return this.#sessions.size
  }

  get count(): number {
    return this.#pending.size
  }

  /** Takes one envelope after the handshake. An answer that is an error closes the connection. */
  take(kind: number, correlation: number, payload: Uint8Array): SkeinError | undefined {
    const name = kindName(kind)
    if (kind === kinds.cancelFetch) {
      // Unknown: the answer crossed it.
      this.#pending.get(correlation)?.cancel?.()
      return undefined
    }
    if (correlation === 0) return skeinError("ProtocolError", `${name} needs a correlation`)
    if (this.#pending.has(correlation)) {
      return skeinError("ProtocolError", `correlation ${correlation} is still in use`)
    }
    if (this.#pending.size >= this.#host.limits.requestsInFlightPerConnectionMax) {
      this.#refuse(correlation, this.#tooMany())
      return undefined
    }
    return this.#dispatch(kind, correlation, payload)
  }

  /** Ends the waits of fetches, so that they are answered with what is there. */
  cancelFetches(): void {
    for (const pending of this.#pending.values()) pending.cancel?.()
  }

  /** The connection is gone. */
  drop(): void {
    if (this.#dropped) return
    this.#dropped = true
    this.cancelFetches()
    const count = this.#pending.size
    // Each gives its bytes back by itself, so that an answer that is under way gives none twice.
    for (const pending of this.#pending.values()) {
      this.#release(pending)
      this.#room.leave(pending.answerBytes)
      pending.answerBytes = 0
    }
    this.#room.close()
    this.#pending.clear()
    this.#host.budget.end(count)
  }

  #dispatch(kind: number, correlation: number, payload: Uint8Array): SkeinError | undefined {
    const { broker } = this.#host.fabric
    switch (kind) {
      case kinds.publish: {
        const request = decodePublish(payload)
        if (request instanceof SkeinError) return this.#reject(correlation, request)
        if (this.#host.draining) return this.#reject(correlation, draining())
        this.publishes.count(request.queue)
        this.#run("publish", correlation, payload, () => broker.publish(request), encodePublished)
        return undefined
      }
      case kinds.fetch: {
        const request = decodeFetch(payload)
        if (request instanceof SkeinError) return this.#reject(correlation, request)
        this.consumes.count(request.queue)
        this.#fetch(correlation, payload, request)
        return undefined
      }
      case kinds.settle: {
        const request = decodeSettle(payload)
        if (request instanceof SkeinError) return this.#reject(correlation, request)
        this.#run("settle", correlation, payload, () => broker.settle(request), encodeSettled)
        return undefined
      }
      case kinds.extend: {
        const request = decodeExtend(payload)
        if (request instanceof SkeinError) return this.#reject(correlation, request)
        this.#run("extend", correlation, payload, () => broker.extend(request), encodeExtended)
        return undefined
      }
      case kinds.openSession:
        return this.#openSession(correlation, payload)
      case kinds.closeSession: {
        const request = decodeCloseSession(payload)
        if (request instanceof SkeinError) return this.#reject(correlation, request)
        this.#sessions.delete(request.session)
        const close = () => broker.closeSession(request.session)
        this.#run("closeSession", correlation, payload, close, encodeOk)
        return undefined
      }
      case kinds.rpc:
        this.#rpc(correlation, payload)
        return undefined
      default:
        return skeinError("ProtocolError", `${kindName(kind)} is not for a node to read here`)
    }
  }

  #rpc(correlation: number, payload: Uint8Array): void {
    const call = () => callAdmin(this.#host, payload)
    if (!heavyCall(payload)) {
      this.#run("rpc", correlation, payload, call, encodeRpc)
      return
    }
    const pending = this.#begin("rpc", correlation, payload.length, 1)
    this.#room.whenFree(limits.fetchBytesMax, () => {
      if (this.#pending.get(correlation) !== pending) return false
      pending.answerBytes = limits.fetchBytesMax
      this.#answer(correlation, pending, call, encodeRpc)
      return true
    })
  }

  #openSession(correlation: number, payload: Uint8Array): SkeinError | undefined {
    const request = decodeOpenSession(payload)
    if (request instanceof SkeinError) return this.#reject(correlation, request)
    const max = this.#host.limits.sessionsPerConnectionMax
    if (!this.#sessions.has(request.session) && this.#sessions.size >= max) {
      const detail = `one connection opens at most ${max} sessions`
      const data = { limit: "sessionsPerConnectionMax", max }
      return this.#reject(correlation, skeinError("LimitExceeded", detail, data))
    }
    if (this.#host.draining) return this.#reject(correlation, draining())
    this.#sessions.add(request.session)
    const open = () => this.#host.fabric.broker.openSession(request.session, request.leaseMs)
    this.#run("openSession", correlation, payload, open, encodeOk)
    return undefined
  }

  #fetch(correlation: number, payload: Uint8Array, request: FetchRequest): void {
    const steps = request.settles.length > 0 ? 2 : 1
    const pending = this.#begin("fetch", correlation, payload.length, steps)
    pending.answerBytes = this.#room.take(Math.min(request.bytesMax, limits.fetchBytesMax))
    const asked = { ...request, bytesMax: Math.min(request.bytesMax, pending.answerBytes) }
    const call = this.#startFetch(asked)
    if (isSkeinError(call)) {
      this.#fail(correlation, pending, call)
      return
    }
    pending.cancel = call.cancel
    if (steps === 1) this.#release(pending)
    call.settled.then(
      (answer) => {
        if (steps === 1) return
        this.#release(pending)
        this.#step(correlation, pending, () => encodeSettled(correlation, answer))
      },
      (cause) => this.#fail(correlation, pending, cause),
    )
    call.delivered.then(
      (runs) => this.#step(correlation, pending, () => encodeFetched(correlation, runs)),
      (cause) => this.#fail(correlation, pending, cause),
    )
  }

  #startFetch(request: FetchRequest): FetchCall | SkeinError {
    const { broker } = this.#host.fabric
    try {
      if (!this.#host.draining) return broker.fetch(request)
      if (request.settles.length === 0) return draining()
      // What was processed is still taken; only the wait for more is refused.
      const settled = broker.settle(request)
      return { settled, delivered: settled.then(() => Promise.reject(draining())), cancel: nothing }
    } catch (cause) {
      return this.#asError("fetch", cause)
    }
  }

  #run<Answer>(
    kind: Kind,
    correlation: number,
    payload: Uint8Array,
    call: () => Promise<Answer>,
    encode: (correlation: number, answer: Answer) => Parts,
  ): void {
    const pending = this.#begin(kind, correlation, payload.length, 1)
    this.#answer(correlation, pending, call, encode)
  }

  #answer<Answer>(
    correlation: number,
    pending: Pending,
    call: () => Promise<Answer>,
    encode: (correlation: number, answer: Answer) => Parts,
  ): void {
    let answer: Promise<Answer>
    try {
      answer = call()
    } catch (cause) {
      this.#fail(correlation, pending, cause)
      return
    }
    answer.then(
      (value) => this.#step(correlation, pending, () => encode(correlation, value)),
      (cause) => this.#fail(correlation, pending, cause),
    )
  }

  #begin(kind: Kind, correlation: number, bytes: number, steps: number): Pending {
    const pending: Pending = { kind, bytes, answerBytes: 0, steps }
    this.#pending.set(correlation, pending)
    this.#bytes += bytes
    this.#host.budget.begin(bytes)
    return pending
  }

  #step(correlation: number, pending: Pending, encode: () => Parts): void {
    if (this.#pending.get(correlation) !== pending) return
    let parts: Parts
    try {
      parts = encode()
    } catch (cause) {
      this.#fail(correlation, pending, cause)
      return
    }
    pending.steps--
    if (pending.steps > 0) this.#send(parts)
    else this.#end(correlation, pending, parts)
  }

  #fail(correlation: number, pending: Pending, cause: unknown): void {
    if (this.#pending.get(correlation) !== pending) return
    pending.cancel?.()
    const error = this.#asError(pending.kind, cause)
    this.#end(correlation, pending, encodeErrorEnvelope(correlation, error))
  }

  #end(correlation: number, pending: Pending, answer: Parts): void {
    this.#pending.delete(correlation)
    this.#send(answer)
    this.#release(pending)
    const { answerBytes } = pending
    pending.answerBytes = 0
    this.#room.leave(answerBytes)
    this.#onRelease()
    // Last: a draining port ends its connections when the last request has its answer.
    this.#host.budget.end(1)
  }

  #release(pending: Pending): void {
    this.#bytes -= pending.bytes
    this.#host.budget.release(pending.bytes)
    pending.bytes = 0
  }

  /** A request that never began: answered, or fatal if the peer does not speak the protocol. */
  #reject(correlation: number, error: SkeinError): SkeinError | undefined {
    if (error._tag === "ProtocolError") return error
    this.#refuse(correlation, error)
    return undefined
  }

  #refuse(correlation: number, error: SkeinError): void {
    this.#send(encodeErrorEnvelope(correlation, error))
  }

  #asError(kind: Kind, cause: unknown): SkeinError {
    if (isSkeinError(cause)) return cause
    this.#host.onEvent({ _tag: "RequestFault", kind, cause })
    return skeinError("InternalError", `${kind} met a fault; the node's log has the cause`)
  }

  #tooMany(): SkeinError {
    const max = this.#host.limits.requestsInFlightPerConnectionMax
    return skeinError("LimitExceeded", `${max} requests of the connection are not answered yet`, {
      limit: "requestsInFlightPerConnectionMax",
      max,
    })
  }
}

const nothing = (): void => {}
const draining = () => skeinError("ShardUnavailable", "the node is shutting down")
const encodeOk = (correlation: number): Parts => encodeEnvelope("ok", correlation)
const encodeRpc = (correlation: number, result: Uint8Array): Parts =>
  encodeEnvelope("rpc", correlation, result)

const tooLarge = (byteCount: number): SkeinError =>
  skeinError("LimitExceeded", `the answer has ${byteCount} bytes: ask for less`, {
    limit: "frameBytesMax",
    max: limits.frameBytesMax,
  })

const callAdmin = (host: PortHost, payload: Uint8Array): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    host.admin.call(payload, (result) => {
      if (result instanceof SkeinError) reject(result)
      else if (result.length > limits.frameBytesMax) reject(tooLarge(result.length))
      else resolve(result)
    })
  })
