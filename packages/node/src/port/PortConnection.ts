/**
 * Owns: one client's socket: handshake, deadlines, when it is read, gathered writes, its end.
 * Must not know: what requests mean (Requests.ts does).
 *
 * Life: greeting -> open -> closing -> closed. In `closing` whatever arrives is dropped, what is
 * queued is still sent, and after `lingerMs` the socket is destroyed; closing at once with unread
 * bytes would reset the connection and take the error from the peer's eyes.
 *
 * Reading stops while any of these holds, and starts again when none does: too many bytes of
 * requests unanswered here, too many on the node, too many answers that the peer does not take.
 * A pause by us suspends the peer's deadlines. One chunk (64 KiB) may overshoot each limit.
 *
 * One timer watches the deadlines. It is set anew only when a deadline comes to lie before it, so a
 * busy connection pays for it twice in half a minute.
 */
import type { Socket } from "node:net"
import type { PeerLine } from "@skein/cluster"
import { type SkeinError, skeinError } from "@skein/model"
import {
  decodeHello,
  EnvelopeReader,
  encodeEnvelope,
  encodeErrorEnvelope,
  encodeGoaway,
  encodeWelcome,
  kinds,
  Outbox,
  type Parts,
  protocolVersion,
} from "@skein/wire"
import type { Connected } from "../NodeCore.js"
import type { PortHost } from "./PortHost.js"
import { Requests } from "./Requests.js"

type State = "closed" | "closing" | "greeting" | "open"

export class PortConnection {
  readonly peer: string
  readonly openedAtMs: number
  readonly #socket: Socket
  readonly #host: PortHost
  readonly #onClosed: (connection: PortConnection) => void
  readonly #reader = new EnvelopeReader({ helloFirst: true })
  readonly #outbox = new Outbox()
  readonly #requests: Requests
  #state: State = "greeting"
  #isPeer = false
  #clientName: string | undefined
  #engine: PeerLine | undefined
  #isAdmitted = false
  #mapWaits = false
  #flushing = false
  #paused = false
  #awaitsBudget = false
  #awaitsDrain = false
  #lastReadMs: number
  #partialSinceMs = -1
  #partialBytes = 0
  #timerDueMs = Number.POSITIVE_INFINITY
  #cancelTimer = (): void => {}
  #taken = -1
  #unsentBytes = 0

  constructor(socket: Socket, host: PortHost, onClosed: (connection: PortConnection) => void) {
    this.#socket = socket
    this.#host = host
    this.#onClosed = onClosed
    this.peer = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`
    this.openedAtMs = host.clock.monotonicMs()
    this.#lastReadMs = this.openedAtMs
    this.#requests = new Requests(
      host,
      (parts) => this.#send(parts),
      () => this.#released(),
    )
    socket.on("data", (chunk: Buffer) => this.#read(chunk))
    socket.on("drain", () => this.#drained())
    // What follows an error is always `close`.
    socket.on("error", () => {})
    socket.on("close", () => this.#closed())
    this.#watch()
  }

  get partialSinceMs(): number {
    return this.#partialSinceMs
  }

  get requestsInFlight(): number {
    return this.#requests.count
  }

  /** Bytes of answers that the peer has not taken yet. */
  get unsentBytes(): number {
    return this.#outbox.bytes + this.#socket.writableLength
  }

  /** Tells the client to go elsewhere; waits end, requests in flight are finished. */
  goaway(reason: string): void {
    if (this.#state === "open") this.#send(encodeGoaway({ reason }))
    this.#requests.cancelFetches()
  }

  /** It presented the peer secret: another node of the fabric. */
  get isPeer(): boolean {
    return this.#isPeer
  }

  /** As operators see it. */
  describe(nowMs: number): Connected {
    const { publishes, consumes, sessions } = this.#requests
    return {
      peer: this.peer,
      ...(this.#clientName !== undefined && { clientName: this.#clientName }),
      connectedMs: Math.round(nowMs - this.openedAtMs),
      sessions,
      publishes: publishes.rows(),
      consumes: consumes.rows(),
    }
  }

  /** It has said hello. */
  get isAdmitted(): boolean {
    return this.#isAdmitted
  }

  /**
   * Sends the shard map, or leaves that until the peer has taken what waits for it: only the newest
   * is of use to it, so maps do not pile up.
   */
  tellMap(): void {
    if (this.#state !== "open") return
    if (this.#awaitsDrain) {
      this.#mapWaits = true
      return
    }
    const map = this.#host.shardMap()
    if (map !== undefined) this.#send(map)
  }

  /** Sends `error` for the connection, then closes it. */
  fail(error: SkeinError): void {
    if (this.#state === "closing" || this.#state === "closed") return
    this.#host.onEvent({ _tag: "Refused", peer: this.peer, error })
    this.#outbox.push(encodeErrorEnvelope(0, error))
    this.end()
  }

  /** Sends what is queued, then closes. */
  end(): void {
    if (this.#state === "closing" || this.#state === "closed") return
    this.#state = "closing"
    this.#setPartial(0)
    this.#requests.drop()
    this.#flush()
    this.#socket.end()
    this.#paused = false
    this.#socket.resume()
    this.#cancelTimer()
    this.#cancelTimer = this.#host.clock.setTimer(this.#host.limits.lingerMs, () => this.destroy())
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    if (this.#state !== "greeting" && this.#state !== "open") return
    this.#lastReadMs = this.#host.clock.monotonicMs()
    const problem = this.#reader.push(chunk, this.#take)
    if (problem !== undefined) {
      this.fail(problem)
      return
    }
    if (!this.#isLive()) return
    this.#setPartial(this.#reader.partialBytes)
    this.#updateReading()
  }

  readonly #take = (kind: number, correlation: number, payload: Uint8Array): boolean => {
    this.#partialSinceMs = -1
    const problem =
      this.#state === "greeting"
        ? this.#greet(correlation, payload)
        : this.#serve(kind, correlation, payload)
    if (problem !== undefined) this.fail(problem)
    return problem === undefined
  }

  #greet(correlation: number, payload: Uint8Array): SkeinError | undefined {
    const hello = decodeHello(payload)
    if (hello instanceof Error) return hello
    if (correlation !== 0) return skeinError("ProtocolError", "a hello has correlation 0")
    if (hello.min > protocolVersion || hello.max < protocolVersion) {
      return skeinError(
        "VersionUnsupported",
        `the client speaks ${hello.min} to ${hello.max}, the node ${protocolVersion}`,
        { min: protocolVersion, max: protocolVersion },
      )
    }
    const isPeer = hello.peer !== undefined
    if (hello.peer !== undefined && !this.#host.isPeer(hello.peer)) {
      return skeinError("Unauthorized", "the peer secret is not the fabric's")
    }
    if (!isPeer && !this.#host.isToken(hello.token)) {
      return skeinError(
        "Unauthorized",
        hello.token === undefined ? "a token is needed" : "the token is not the node's",
      )
    }
    const full = this.#host.admit(isPeer)
    if (full !== undefined) return full
    this.#isAdmitted = true
    this.#isPeer = isPeer
    this.#clientName = hello.client
    this.#state = "open"
    this.#send(encodeWelcome(this.#host.welcome))
    this.tellMap()
    if (this.#host.draining) this.goaway("the node is shutting down")
    this.#host.onEvent({ _tag: "Connected", peer: this.peer, client: hello.client ?? "" })
    return undefined
  }

  #serve(kind: number, correlation: number, payload: Uint8Array): SkeinError | undefined {
    if (kind === kinds.hello) return skeinError("ProtocolError", "a second hello")
    if (kind === kinds.ping) {
      this.#send(encodeEnvelope("pong", correlation))
      return undefined
    }
    if (kind === kinds.engine) return this.#takeEngine(correlation, payload)
    return this.#requests.take(kind, correlation, payload)
  }

  #takeEngine(correlation: number, payload: Uint8Array): SkeinError | undefined {
    if (!this.#isPeer) return skeinError("ProtocolError", "engine is for nodes of the fabric")
    if (correlation !== 0) return skeinError("ProtocolError", "an engine message has correlation 0")
    const { engine } = this.#host
    if (engine === undefined) return skeinError("ProtocolError", "the node takes no peers")
    this.#engine ??= engine.open((answer) => {
      if (this.#isLive()) this.#send(encodeEnvelope("engine", 0, answer))
    })
    return this.#engine.receive(payload)
  }

  #isLive(): boolean {
    return this.#state === "greeting" || this.#state === "open"
  }

  #send(parts: Parts): void {
    if (!this.#isLive()) return
    this.#outbox.push(parts)
    if (this.#flushing) return
    this.#flushing = true
    // After all promise callbacks of this turn: the answers of one commit leave in one write.
    process.nextTick(() => {
      this.#flushing = false
      if (this.#isLive()) this.#flush()
    })
  }

  #flush(): void {
    const socket = this.#socket
    const buffers = this.#outbox.take()
    if (buffers.length === 0 || !socket.writable) return
    if (buffers.length > 1) socket.cork()
    for (const buffer of buffers) {
      if (!socket.write(buffer)) this.#awaitsDrain = true
    }
    if (buffers.length > 1) socket.uncork()
    if (!this.#awaitsDrain) return
    const unsent = socket.writableLength
    const { budget, limits } = this.#host
    this.#setUnsent(unsent)
    if (unsent > limits.unsentBytesPerConnectionMax) {
      this.cutOff()
      return
    }
    if (budget.unsentBytes > limits.unsentBytesPerNodeMax) this.#host.evictMostUnsent()
    if (unsent > limits.unsentBytesPauseAt) this.#updateReading()
    this.#watch()
  }

  /** The peer does not take its answers: nothing more can be sent to it, not even the reason. */
  cutOff(): void {
    const detail = `the peer left ${this.unsentBytes} bytes of answers unread`
    const error = skeinError("Overloaded", detail)
    this.#host.onEvent({ _tag: "Refused", peer: this.peer, error })
    this.destroy()
  }

  #setUnsent(bytes: number): void {
    this.#host.budget.unsentBytes += bytes - this.#unsentBytes
    this.#unsentBytes = bytes
  }

  #drained(): void {
    this.#awaitsDrain = false
    this.#taken = -1
    this.#setUnsent(0)
    this.#updateReading()
    if (!this.#mapWaits) return
    this.#mapWaits = false
    this.tellMap()
  }

  #released(): void {
    if (this.#paused) this.#updateReading()
  }

  #updateReading(): void {
    if (!this.#isLive()) return
    const { limits, budget } = this.#host
    // Once paused, half must be free before reading starts again.
    const share = this.#paused ? 2 : 1
    const pause =
      this.#requests.bytes * share > limits.inFlightBytesPerConnectionMax ||
      this.#socket.writableLength * share > limits.unsentBytesPauseAt ||
      budget.isSpent
    if (budget.isSpent && !this.#awaitsBudget) {
      this.#awaitsBudget = true
      budget.whenFree(() => {
        this.#awaitsBudget = false
        this.#updateReading()
      })
    }
    if (pause === this.#paused) return
    this.#paused = pause
    if (pause) {
      this.#socket.pause()
      return
    }
    const now = this.#host.clock.monotonicMs()
    this.#lastReadMs = now
    if (this.#partialSinceMs >= 0) this.#partialSinceMs = now
    this.#socket.resume()
    this.#watch()
  }

  #setPartial(bytes: number): void {
    this.#host.budget.partialBytes += bytes - this.#partialBytes
    this.#partialBytes = bytes
    if (bytes === 0) {
      this.#partialSinceMs = -1
    } else if (this.#partialSinceMs < 0) {
      this.#partialSinceMs = this.#lastReadMs
      this.#watch()
    }
    const { budget, limits } = this.#host
    if (budget.partialBytes > limits.partialBytesPerNodeMax) this.#host.evictOldestPartial()
  }

  /** Makes sure that the timer fires at the next deadline, or before it. */
  #watch(): void {
    const due = this.#nextDueMs()
    if (due >= this.#timerDueMs) return
    this.#cancelTimer()
    this.#timerDueMs = due
    const delayMs = Math.max(0, due - this.#host.clock.monotonicMs())
    this.#cancelTimer = this.#host.clock.setTimer(delayMs, () => this.#wake())
  }

  #nextDueMs(): number {
    const { limits } = this.#host
    if (this.#state === "greeting") return this.openedAtMs + limits.helloWithinMs
    let due = this.#lastReadMs + limits.idleWithinMs
    if (this.#paused) due = this.#host.clock.monotonicMs() + limits.idleWithinMs
    if (this.#partialSinceMs >= 0 && !this.#paused) {
      due = Math.min(due, this.#partialSinceMs + limits.envelopeWithinMs)
    }
    if (this.#awaitsDrain) {
      due = Math.min(due, this.#host.clock.monotonicMs() + limits.envelopeWithinMs)
    }
    return due
  }

  #wake(): void {
    this.#timerDueMs = Number.POSITIVE_INFINITY
    if (!this.#isLive()) return
    const { limits, clock } = this.#host
    const now = clock.monotonicMs()
    if (this.#state === "greeting") {
      if (now - this.openedAtMs >= limits.helloWithinMs) {
        this.fail(late("hello", "helloWithinMs", limits.helloWithinMs))
        return
      }
    } else if (!this.#paused) {
      if (this.#partialSinceMs >= 0 && now - this.#partialSinceMs >= limits.envelopeWithinMs) {
        this.fail(late("rest of an envelope", "envelopeWithinMs", limits.envelopeWithinMs))
        return
      }
      if (now - this.#lastReadMs >= limits.idleWithinMs) {
        this.fail(late("ping", "idleWithinMs", limits.idleWithinMs))
        return
      }
    }
    if (this.#isStalled()) {
      this.cutOff()
      return
    }
    this.#watch()
  }

  /** The peer took none of the bytes that wait for it since the last look. */
  #isStalled(): boolean {
    if (!this.#awaitsDrain) return false
    const taken = this.#socket.bytesWritten - this.#socket.writableLength
    const stalled = taken === this.#taken
    this.#taken = taken
    return stalled
  }

  #closed(): void {
    if (this.#state === "closed") return
    this.#state = "closed"
    this.#cancelTimer()
    this.#setPartial(0)
    this.#setUnsent(0)
    this.#engine?.close()
    this.#requests.drop()
    this.#onClosed(this)
  }
}

const late = (what: string, limit: string, max: number): SkeinError =>
  skeinError("ProtocolError", `no ${what} within ${max} ms`, { limit, max })
