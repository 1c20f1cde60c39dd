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
import type { EngineDoor } from "@skein/cluster"
import { systemClock } from "@skein/journal"
import { type Clock, invariant, limits, type SkeinError, skeinError } from "@skein/model"
import {
  encodeErrorEnvelope,
  type Fabric,
  protocolVersion,
  type Welcome,
  welcomeLimits,
} from "@skein/wire"
import type { Connected } from "../NodeCore.js"
import { loopbackAddress } from "./Bind.js"
import { Bootstrap, bootstrapAddress } from "./Bootstrap.js"
import { Budget } from "./Budget.js"
import { MapTold, type ShardMapSource } from "./MapTold.js"
import { PortConnection } from "./PortConnection.js"
import type { PortEvent, PortHost, PortLimits } from "./PortHost.js"
import { openRpcDoor, type RpcDoor } from "./RpcDoor.js"
import { makePeerCheck, makeTokenCheck } from "./Token.js"

export interface ClientPortOptions {
  /** A loopback address or `localhost`. */
  readonly host: string
  /** 0: any free port; `start` tells which. */
  readonly port: number
  /** Who answers: shown to each client in its welcome. */
  readonly identity: Pick<Welcome, "fabricId" | "instance" | "node">
  /** Clients must present it. Absent: any client that reaches the loopback address is taken. */
  readonly token?: string
  /** Told to each client after its welcome, and at each change. Absent: the node is alone. */
  readonly shardMap?: ShardMapSource
  /** The fabric's peer secret; a hello that has it is another node's. Absent: no peers. */
  readonly peerSecret?: string
  /** Where the engine's messages of peers go. */
  readonly engine?: EngineDoor
  /**
   * `host:port`, a second address that one node of the fabric listens on: this one as soon as it is
   * free. It is loopback too.
   */
  readonly bootstrap?: string
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
  /** Of `connections`, those of other nodes. */
  readonly peers: number
  readonly connectionsTotal: number
  readonly refusedTotal: number
  readonly requestsInFlight: number
  readonly inFlightBytes: number
  /** Of answers that are being prepared, as estimated when their requests were taken. */
  readonly answerBytes: number
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
  readonly #map: MapTold
  #bootstrap: Bootstrap | undefined
  #clients = 0
  #peers = 0
  #onEmpty = (): void => {}
  #connectionsTotal = 0
  #refusedTotal = 0

  /** The fabric stays the caller's: it is closed after the port, by whoever opened it. */
  constructor(fabric: Fabric, options: ClientPortOptions) {
    this.#options = options
    this.#door = openRpcDoor(fabric.admin)
    const portLimits: PortLimits = { ...limits, ...options.limits }
    const emit = options.onEvent ?? (() => {})
    const clock = options.clock ?? systemClock
    this.#map = new MapTold(options.shardMap, clock, () => this.#tellMap())
    this.#host = {
      fabric,
      admin: this.#door,
      limits: portLimits,
      clock,
      welcome: { ...options.identity, version: protocolVersion, limits: welcomeLimits },
      isToken: makeTokenCheck(options.token),
      isPeer: makePeerCheck(options.peerSecret),
      admit: (isPeer) => this.#admit(isPeer),
      engine: options.engine,
      shardMap: () => this.#map.envelope(),
      budget: new Budget(portLimits.inFlightBytesPerNodeMax, portLimits.answerBytesPerNodeMax),
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
    const { bootstrap } = this.#options
    if (bootstrap !== undefined) {
      const at = bootstrapAddress(bootstrap)
      if (at instanceof Error) return Promise.reject(at)
      // A node whose own port is the bootstrap address listens there already.
      if (at.host !== address || at.port !== port) {
        this.#bootstrap = new Bootstrap(at, this.#host, (socket) => this.#accept(socket))
      }
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
        this.#bootstrap?.start()
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
      peers: this.#peers,
      connectionsTotal: this.#connectionsTotal,
      refusedTotal: this.#refusedTotal,
      requestsInFlight: budget.requests,
      inFlightBytes: budget.inFlightBytes,
      answerBytes: budget.answerBytes,
      partialBytes: budget.partialBytes,
      unsentBytes,
    }
  }

  /** Those that have said hello, other nodes not among them. */
  clients(): readonly Connected[] {
    const nowMs = this.#host.clock.monotonicMs()
    const clients: Connected[] = []
    for (const connection of this.#connections) {
      if (connection.isAdmitted && !connection.isPeer) clients.push(connection.describe(nowMs))
    }
    return clients
  }

  #accept(socket: Socket): void {
    const max = this.#host.limits.connectionsPerNodeMax
    // Who it is is not known before its hello, so there is room for the other nodes besides.
    const peersMax = this.#options.peerSecret === undefined ? 0 : this.#host.limits.nodesMax
    if (this.#connections.size >= max + peersMax) {
      this.#turnAway(socket, max)
      return
    }
    this.#connectionsTotal++
    this.#connections.add(
      new PortConnection(socket, this.#host, (connection) => this.#closed(connection)),
    )
  }

  #turnAway(socket: Socket, max: number): void {
    const error = tooManyConnections(max)
    this.#host.onEvent({ _tag: "Refused", peer: socket.remoteAddress ?? "?", error })
    socket.on("error", () => {})
    // Nothing was read, so nothing is reset: it sees the error unless it sent a lot already.
    for (const part of encodeErrorEnvelope(0, error)) socket.write(part)
    socket.destroySoon()
  }

  #admit(isPeer: boolean): SkeinError | undefined {
    const { connectionsPerNodeMax, nodesMax } = this.#host.limits
    if (isPeer) {
      if (this.#peers >= nodesMax) {
        const data = { limit: "nodesMax", max: nodesMax }
        return skeinError("LimitExceeded", `${nodesMax} nodes are connected already`, data)
      }
      this.#peers++
      return undefined
    }
    if (this.#clients >= connectionsPerNodeMax) return tooManyConnections(connectionsPerNodeMax)
    this.#clients++
    return undefined
  }

  #tellMap(): void {
    for (const connection of this.#connections) connection.tellMap()
  }

  #closed(connection: PortConnection): void {
    this.#connections.delete(connection)
    if (connection.isPeer) this.#peers--
    else if (connection.isAdmitted) this.#clients--
    const connectedMs = this.#host.clock.monotonicMs() - connection.openedAtMs
    this.#host.onEvent({ _tag: "Disconnected", peer: connection.peer, connectedMs })
    if (this.#connections.size === 0) this.#onEmpty()
  }

  async #drain(): Promise<void> {
    const server = this.#server
    this.#host.draining = true
    this.#map.stop()
    const bootstrapClosed = this.#bootstrap?.stop()
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
    await bootstrapClosed
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

const tooManyConnections = (max: number): SkeinError =>
  skeinError("LimitExceeded", `the node has ${max} connections already`, {
    limit: "connectionsPerNodeMax",
    max,
  })

const listenError = (cause: unknown, host: string, port: number): SkeinError => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "?"
  if (code === "EADDRINUSE") {
    return skeinError("AddressInUse", `${host}:${port} is in use`, { host, port }, { cause })
  }
  const detail = `cannot listen on ${host}:${port}: ${code}`
  return skeinError("ConfigInvalid", detail, { host, port }, { cause })
}
