/**
 * Owns: the socket of one connection after the handshake: envelopes out (gathered per turn, held
 * while the kernel takes no more), envelopes in, keepalive, its end.
 * Must not know: what calls mean (RemoteBroker.ts, RemoteAdmin.ts).
 *
 * End: the first cause wins. Calls reject with ConnectionFailed, then `closed` resolves with the
 * cause.
 */
import type { Socket } from "node:net"
import { type Clock, limits, SkeinError, skeinError } from "@skein/model"
import {
  decodeErrorEnvelope,
  decodeGoaway,
  decodeShardMap,
  EnvelopeReader,
  encodeEnvelope,
  type Kind,
  kinds,
  Outbox,
  type Parts,
  type ShardMap,
} from "@skein/wire"
import { type CallOptions, Calls } from "./Calls.js"

export class Channel {
  readonly closed: Promise<SkeinError>
  readonly goaway: Promise<string>
  /** The newest that the node has sent; `undefined` while it has sent none. */
  shardMap: ShardMap | undefined
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #address: string
  readonly #reader = new EnvelopeReader()
  readonly #outbox = new Outbox()
  readonly #calls: Calls
  readonly #onShardMap = new Set<(map: ShardMap) => void>()
  #onEngine: ((payload: Uint8Array) => void) | undefined
  #onFirst: ((kind: number, payload: Uint8Array) => void) | undefined
  #cause: SkeinError | undefined
  #resolveClosed: (cause: SkeinError) => void = () => {}
  #resolveGoaway: (reason: string) => void = () => {}
  #flushing = false
  #blocked = false
  #lastReadMs: number
  #lastSentMs: number
  #cancelKeepalive = (): void => {}

  /**
   * `onFirst` gets the envelope that answers the hello; `timeoutMs` is what calls have unless told;
   * `address` is named in errors.
   */
  constructor(
    socket: Socket,
    clock: Clock,
    { timeoutMs, address }: { readonly timeoutMs: number; readonly address: string },
    onFirst: (kind: number, payload: Uint8Array) => void,
  ) {
    this.#socket = socket
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    this.#address = address
    this.#onFirst = onFirst
    this.#calls = new Calls(clock)
    this.#lastReadMs = clock.monotonicMs()
    this.#lastSentMs = this.#lastReadMs
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    this.goaway = new Promise((resolve) => {
      this.#resolveGoaway = resolve
    })
    socket.on("drain", () => {
      this.#blocked = false
      this.#flush()
    })
    socket.on("error", (cause) => this.die(failed(`the connection broke: ${cause.message}`, cause)))
    socket.on("close", () => this.die(failed("the node closed the connection")))
  }

  /** Bytes from the socket, which may reuse their buffer. */
  read(chunk: Uint8Array): void {
    if (this.#cause !== undefined) return
    this.#lastReadMs = this.#clock.monotonicMs()
    const problem = this.#reader.push(chunk, this.#take)
    if (problem === undefined) return
    // No envelope at all has come: this is another kind of server, say one of HTTP.
    if (this.#onFirst === undefined) this.die(problem)
    else this.die(failed(`what answers at ${this.#address} is not a Skein node`, problem))
  }

  send(parts: Parts): void {
    this.#outbox.push(parts)
    if (this.#flushing || this.#blocked) return
    this.#flushing = true
    process.nextTick(() => {
      this.#flushing = false
      this.#flush()
    })
  }

  /** One call with one answer: an envelope of `expected`, or an error. */
  call<Answer>(
    name: Kind,
    expected: Kind,
    encode: (correlation: number) => Parts,
    decode: (payload: Uint8Array) => Answer | SkeinError,
    options: CallOptions = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const correlation = this.begin({
        name,
        timeoutMs: options.timeoutMs ?? this.#timeoutMs,
        signal: options.signal,
        fail: reject,
        take: (kind, payload) => {
          if (kind === kinds.error) {
            reject(decodeErrorEnvelope(payload))
            return true
          }
          if (kind !== kinds[expected]) return unexpected(name, kind)
          const answer = decode(payload)
          if (answer instanceof SkeinError) return answer
          resolve(answer)
          return true
        },
      })
      if (typeof correlation !== "number") reject(correlation)
      else this.send(encode(correlation))
    })
  }

  /** As {@link Calls.begin}, unless the connection has ended or too much waits to be sent. */
  begin(call: Parameters<Calls["begin"]>[0]): SkeinError | number {
    return this.#sendProblem() ?? this.#calls.begin(call)
  }

  get timeoutMs(): number {
    return this.#timeoutMs
  }

  ping(options?: CallOptions): Promise<number> {
    const startedMs = this.#clock.monotonicMs()
    const encode = (correlation: number) => encodeEnvelope("ping", correlation)
    const decode = () => this.#clock.monotonicMs() - startedMs
    return this.call("ping", "pong", encode, decode, options)
  }

  /** Calls `listener` with each shard map from now on; the answer ends that. */
  onShardMap(listener: (map: ShardMap) => void): () => void {
    this.#onShardMap.add(listener)
    return () => this.#onShardMap.delete(listener)
  }

  /** See {@link EngineLine.onMessage}. */
  onEngine(listener: (payload: Uint8Array) => void): void {
    this.#onEngine = listener
  }

  /** Sends one message of the engine, unless the connection has ended or is choked. */
  sendEngine(payload: Uint8Array): SkeinError | undefined {
    const problem = this.#sendProblem()
    if (problem === undefined) this.send(encodeEnvelope("engine", 0, payload))
    return problem
  }

  startKeepalive(): void {
    this.#cancelKeepalive = this.#clock.setTimer(limits.pingEveryMs, () => {
      const now = this.#clock.monotonicMs()
      const quietSinceMs = Math.min(this.#lastReadMs, this.#lastSentMs)
      if (now - quietSinceMs >= limits.pingEveryMs) {
        this.ping({ timeoutMs: limits.pingWithinMs }).catch((cause: unknown) =>
          this.die(failed(`the node does not answer a ping`, cause)),
        )
      }
      if (this.#cause === undefined) this.startKeepalive()
    })
  }

  /** Sends what is queued and closes the socket. */
  close(): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      if (this.#socket.destroyed) resolve()
      else this.#socket.once("close", () => resolve())
    })
    this.#blocked = false
    this.#flush()
    this.#finish(skeinError("FabricClosed", "the connection was closed by its owner"))
    this.#socket.end()
    const cancel = this.#clock.setTimer(limits.lingerMs, () => this.#socket.destroy())
    return gone.then(cancel)
  }

  die(cause: SkeinError): void {
    if (this.#cause !== undefined) return
    this.#finish(cause)
    this.#socket.destroy()
  }

  readonly #take = (kind: number, correlation: number, payload: Uint8Array): boolean => {
    if (this.#onFirst !== undefined) {
      const onFirst = this.#onFirst
      this.#onFirst = undefined
      onFirst(kind, payload)
      return this.#cause === undefined
    }
    if (correlation === 0) {
      this.#connectionSays(kind, payload)
      return this.#cause === undefined
    }
    const problem = this.#calls.answer(kind, correlation, payload)
    if (problem !== undefined) this.die(problem)
    return problem === undefined
  }

  #connectionSays(kind: number, payload: Uint8Array): void {
    if (kind === kinds.error) {
      this.die(decodeErrorEnvelope(payload))
    } else if (kind === kinds.goaway) {
      const goaway = decodeGoaway(payload)
      if (goaway instanceof SkeinError) this.die(goaway)
      else this.#resolveGoaway(goaway.reason)
    } else if (kind === kinds.shardMap) {
      const map = decodeShardMap(payload)
      if (map instanceof SkeinError) {
        this.die(map)
        return
      }
      this.shardMap = map
      for (const listener of [...this.#onShardMap]) listener(map)
    } else if (kind === kinds.engine && this.#onEngine !== undefined) {
      this.#onEngine(payload)
    } else {
      this.die(skeinError("ProtocolError", `envelope kind ${kind} with correlation 0`))
    }
  }

  #sendProblem(): SkeinError | undefined {
    if (this.#cause !== undefined) return this.#ended(this.#cause)
    const waiting = this.#outbox.bytes
    if (waiting <= limits.unsentBytesPerConnectionMax) return undefined
    return skeinError("Overloaded", `${waiting} bytes wait to be sent to the node already`)
  }

  #flush(): void {
    const socket = this.#socket
    if (this.#blocked || this.#cause !== undefined) return
    const buffers = this.#outbox.take()
    if (buffers.length === 0) return
    this.#lastSentMs = this.#clock.monotonicMs()
    if (buffers.length > 1) socket.cork()
    for (const buffer of buffers) socket.write(buffer)
    if (buffers.length > 1) socket.uncork()
    this.#blocked = socket.writableLength > limits.unsentBytesPauseAt
  }

  #finish(cause: SkeinError): void {
    if (this.#cause !== undefined) return
    this.#cause = cause
    this.#cancelKeepalive()
    this.#onShardMap.clear()
    this.#calls.failAll(this.#ended(cause))
    this.#resolveClosed(cause)
  }

  #ended(cause: SkeinError): SkeinError {
    return cause._tag === "ConnectionFailed" ? cause : failed(`${cause.detail}`, cause)
  }
}

const failed = (detail: string, cause?: unknown): SkeinError =>
  skeinError("ConnectionFailed", detail, {}, { cause })

export const unexpected = (name: string, kind: number): SkeinError =>
  skeinError("ProtocolError", `envelope kind ${kind} does not answer ${name}`)
