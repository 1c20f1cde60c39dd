/**
 * Owns: the server that clients connect to: listening, the number of connections, the node-wide
 * byte budgets, drain. Does no work per message.
 * Must not know: queues, shards; it takes a Fabric.
 *
 * Shutdown order: listener closed (new connections are refused by the kernel) -> goaway to all,
 * waits of fetches ended, new publishes and fetches refused as retryable -> requests in flight
 * answered -> connections ended -> after `drainWithinMs` or a second `stop` whatever is left is
 * destroyed.
 */
import { createServer, type Server, type Socket } from "node:net"
import { systemClock } from "@skein/journal"
import { type Clock, invariant, limits, type SkeinError, skeinError } from "@skein/model"
import {
  encodeErrorEnvelope,
  type Fabric,
  protocolVersion,
  type Welcome,
  welcomeLimits,
} from "@skein/wire"
import { loopbackAddress } from "./Bind.js"
import { Budget } from "./Budget.js"
import { PortConnection } from "./PortConnection.js"
import type { PortEvent, PortHost, PortLimits } from "./PortHost.js"
import { openRpcDoor, type RpcDoor } from "./RpcDoor.js"
import { makeTokenCheck } from "./Token.js"

export interface ClientPortOptions {
  /** A loopback address or `localhost`. */
  readonly host: string
  /** 0: any free port; `start` tells which. */
  readonly port: number
  /** Who answers: shown to each client in its welcome. */
  readonly identity: Pick<Welcome, "fabricId" | "instance" | "node">
  /** Clients must present it. Absent: any client that reaches the loopback address is taken. */
  readonly token?: string
  readonly limits?: Partial<PortLimits>
  readonly clock?: Clock
  readonly onEvent?: (event: PortEvent) => void
}

export interface PortAddress {
  readonly host: string
  readonly port: number
}

export interface PortCounters {
  readonly connections: number
  readonly connectionsTotal: number
  readonly refusedTotal: number
  readonly requestsInFlight: number
  readonly inFlightBytes: number
  readonly partialBytes: number
  readonly unsentBytes: number
}

export class ClientPort {
  readonly #options: ClientPortOptions
  readonly #host: PortHost
  readonly #door: RpcDoor
  readonly #connections = new Set<PortConnection>()
  #server: Server | undefined
  #stopping: Promise<void> | undefined
  #onEmpty = (): void => {}
  #connectionsTotal = 0
  #refusedTotal = 0

  /** The fabric stays the caller's: it is closed after the port, by whoever opened it. */
  constructor(fabric: Fabric, options: ClientPortOptions) {
    this.#options = options
    this.#door = openRpcDoor(fabric.admin)
    const portLimits: PortLimits = { ...limits, ...options.limits }
    const emit = options.onEvent ?? (() => {})
    this.#host = {
      fabric,
      admin: this.#door,
      limits: portLimits,
      clock: options.clock ?? systemClock,
      welcome: { ...options.identity, version: protocolVersion, limits: welcomeLimits },
      isToken: makeTokenCheck(options.token),
      budget: new Budget(portLimits.inFlightBytesPerNodeMax),
      draining: false,
      evictOldestPartial: () => this.#evictOldestPartial(),
      evictMostUnsent: () => this.#evictMostUnsent(),
      onEvent: (event) => {
        if (event._tag === "Refused") this.#refusedTotal++
        emit(event)
      },
    }
  }

  /** Listens. Rejects with BindRefused, AddressInUse or ConfigInvalid. Once only. */
  start(): Promise<PortAddress> {
    invariant(this.#server === undefined, "a client port is started once")
    const { host, port } = this.#options
    const address = loopbackAddress(host)
    if (typeof address !== "string") return Promise.reject(address)
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      return Promise.reject(skeinError("ConfigInvalid", `port ${port} is not within 0 and 65535`))
    }
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket))
    this.#server = server
    return new Promise((resolve, reject) => {
      server.once("error", (cause) => reject(listenError(cause, address, port)))
      server.listen(port, address, 1024, () => {
        const bound = server.address()
        invariant(typeof bound === "object" && bound !== null, "a listening server has an address")
        server.removeAllListeners("error")
        // Such as EMFILE at accept: the connection is refused, the server goes on.
        server.on("error", (cause) => {
          this.#host.onEvent({ _tag: "RequestFault", kind: "accept", cause })
        })
        this.#host.onEvent({ _tag: "Listening", host: address, port: bound.port })
        resolve({ host: address, port: bound.port })
      })
    })
  }

  /**
   * Drains and closes; see the head of this file. Never rejects. A second call hurries the first.
   */
  stop(): Promise<void> {
    if (this.#stopping !== undefined) {
      this.#destroyAll()
      return this.#stopping
    }
    this.#stopping = this.#drain()
    return this.#stopping
  }

  counters(): PortCounters {
    const { budget } = this.#host
    let unsentBytes = 0
    for (const connection of this.#connections) unsentBytes += connection.unsentBytes
    return {
      connections: this.#connections.size,
      connectionsTotal: this.#connectionsTotal,
      refusedTotal: this.#refusedTotal,
      requestsInFlight: budget.requests,
      inFlightBytes: budget.inFlightBytes,
      partialBytes: budget.partialBytes,
      unsentBytes,
    }
  }

  #accept(socket: Socket): void {
    const max = this.#host.limits.connectionsPerNodeMax
    if (this.#connections.size >= max) {
      this.#turnAway(socket, max)
      return
    }
    this.#connectionsTotal++
    this.#connections.add(
      new PortConnection(socket, this.#host, (connection) => this.#closed(connection)),
    )
  }

  #turnAway(socket: Socket, max: number): void {
    const data = { limit: "connectionsPerNodeMax", max }
    const error = skeinError("LimitExceeded", `the node has ${max} connections already`, data)
    this.#host.onEvent({ _tag: "Refused", peer: socket.remoteAddress ?? "?", error })
    socket.on("error", () => {})
    // Nothing was read, so nothing is reset: it sees the error unless it sent a lot already.
    for (const part of encodeErrorEnvelope(0, error)) socket.write(part)
    socket.destroySoon()
  }

  #closed(connection: PortConnection): void {
    this.#connections.delete(connection)
    const connectedMs = this.#host.clock.monotonicMs() - connection.openedAtMs
    this.#host.onEvent({ _tag: "Disconnected", peer: connection.peer, connectedMs })
    if (this.#connections.size === 0) this.#onEmpty()
  }

  async #drain(): Promise<void> {
    const server = this.#server
    this.#host.draining = true
    // Never started, or its port was taken: there is nothing to drain.
    if (server === undefined || !server.listening) {
      await this.#door.close()
      return
    }
    this.#host.onEvent({ _tag: "Draining", connections: this.#connections.size })
    const listenerClosed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const connection of this.#connections) connection.goaway("the node is shutting down")
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve
      if (this.#connections.size === 0) resolve()
    })
    const cancel = this.#host.clock.setTimer(this.#host.limits.drainWithinMs, () =>
      this.#destroyAll(),
    )
    this.#host.budget.whenQuiet(() => this.#endAll())
    await empty
    cancel()
    await listenerClosed
    await this.#door.close()
    this.#host.onEvent({ _tag: "Stopped" })
  }

  #endAll(): void {
    for (const connection of this.#connections) connection.end()
  }

  #destroyAll(): void {
    for (const connection of this.#connections) connection.destroy()
  }

  #evictMostUnsent(): void {
    let most: PortConnection | undefined
    for (const connection of this.#connections) {
      if (most === undefined || connection.unsentBytes > most.unsentBytes) most = connection
    }
    most?.cutOff()
  }

  #evictOldestPartial(): void {
    let oldest: PortConnection | undefined
    for (const connection of this.#connections) {
      if (connection.partialSinceMs < 0) continue
      if (oldest === undefined || connection.partialSinceMs < oldest.partialSinceMs) {
        oldest = connection
      }
    }
    const max = this.#host.limits.partialBytesPerNodeMax
    const detail = "the node holds too many envelopes that were begun and not finished"
    oldest?.fail(skeinError("Overloaded", detail, { limit: "partialBytesPerNodeMax", max }))
  }
}

const listenError = (cause: unknown, host: string, port: number): SkeinError => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "?"
  if (code === "EADDRINUSE") {
    return skeinError("AddressInUse", `${host}:${port} is in use`, { host, port }, { cause })
  }
  const detail = `cannot listen on ${host}:${port}: ${code}`
  return skeinError("ConfigInvalid", detail, { host, port }, { cause })
}
