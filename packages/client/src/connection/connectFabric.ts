/**
 * Owns: making one connection to a node: connect, hello, welcome, within one timeout.
 * Must not know: reconnecting; the library above does that.
 */
import { connect } from "node:net"
import { type Clock, limits, SkeinError, skeinError } from "@skein/model"
import {
  decodeErrorEnvelope,
  decodeWelcome,
  encodeHello,
  kinds,
  protocolVersion,
  type Welcome,
} from "@skein/wire"
import { parseAddress } from "./Address.js"
import { Channel } from "./Channel.js"
import type { Connection } from "./Connection.js"
import { remoteAdmin } from "./RemoteAdmin.js"
import { remoteBroker } from "./RemoteBroker.js"
import { systemClock } from "./SystemClock.js"

export interface ConnectOptions {
  /** `host:port` of a node. */
  readonly address: string
  readonly token?: string
  /** The fabric's peer secret: only nodes have it. */
  readonly peer?: string
  /** Shown to the operator: what program this is. */
  readonly clientName?: string
  /** For connecting and the handshake together; default 5 s. */
  readonly connectTimeoutMs?: number
  /** For calls that say nothing else; default 30 s, counted from the end of a fetch's wait. */
  readonly callTimeoutMs?: number
  readonly clock?: Clock
  /** Ends the attempt, with Aborted; a connection once made is not touched. */
  readonly signal?: AbortSignal
}

/**
 * Rejects with ConnectionFailed (no node answers, or not in time), Unauthorized,
 * VersionUnsupported, LimitExceeded (too many connections), ConfigInvalid (the address), Aborted.
 */
export const connectFabric = (options: ConnectOptions): Promise<Connection> => {
  const address = parseAddress(options.address)
  if (address instanceof SkeinError) return Promise.reject(address)
  const { signal } = options
  if (signal?.aborted === true) return Promise.reject(abortedError())
  const clock = options.clock ?? systemClock
  const timeoutMs = options.connectTimeoutMs ?? limits.helloWithinMs
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(readBufferBytes),
        callback: (byteCount, buffer) => {
          channel.read(new Uint8Array(buffer.buffer, buffer.byteOffset, byteCount))
          return true
        },
      },
    })
    const calls = {
      timeoutMs: options.callTimeoutMs ?? defaultCallTimeoutMs,
      address: options.address,
    }
    const channel = new Channel(socket, clock, calls, (kind, payload) => {
      const welcome = readWelcome(kind, payload)
      if (welcome instanceof SkeinError) {
        channel.die(welcome)
        return
      }
      cleanUp()
      channel.startKeepalive()
      resolve(connectionOf(channel, welcome))
    })
    const cancelTimer = clock.setTimer(timeoutMs, () =>
      channel.die(
        skeinError("ConnectionFailed", `no welcome from ${options.address} in ${timeoutMs} ms`),
      ),
    )
    const onAbort = () => channel.die(abortedError())
    signal?.addEventListener("abort", onAbort, { once: true })
    const cleanUp = (): void => {
      cancelTimer()
      signal?.removeEventListener("abort", onAbort)
    }
    void channel.closed.then((cause) => {
      cleanUp()
      reject(cause)
    })
    channel.send(encodeHello(helloOf(options)))
  })
}

const defaultCallTimeoutMs = 30_000
/** Taken from the kernel at once. */
const readBufferBytes = 256 * 1024

const helloOf = ({ token, peer, clientName }: ConnectOptions) => ({
  min: protocolVersion,
  max: protocolVersion,
  ...(token !== undefined && { token }),
  ...(peer !== undefined && { peer }),
  ...(clientName !== undefined && { client: clientName.slice(0, 256) }),
})

const readWelcome = (kind: number, payload: Uint8Array): SkeinError | Welcome => {
  if (kind === kinds.error) return decodeErrorEnvelope(payload)
  if (kind !== kinds.welcome) return skeinError("ProtocolError", "the node did not say welcome")
  const welcome = decodeWelcome(payload)
  if (welcome instanceof SkeinError || welcome.version === protocolVersion) return welcome
  return skeinError("VersionUnsupported", `the node chose version ${welcome.version}`)
}

const connectionOf = (channel: Channel, welcome: Welcome): Connection => ({
  broker: remoteBroker(channel),
  admin: remoteAdmin(channel),
  welcome,
  closed: channel.closed,
  goaway: channel.goaway,
  shardMap: () => channel.shardMap,
  onShardMap: (listener) => channel.onShardMap(listener),
  engine: {
    send: (payload) => channel.sendEngine(payload),
    onMessage: (listener) => channel.onEngine(listener),
  },
  ping: (options) => channel.ping(options),
  close: () => channel.close(),
})

const abortedError = () => skeinError("Aborted", "connecting was aborted")
