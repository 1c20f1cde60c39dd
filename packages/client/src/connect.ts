/** Owns: the client over a socket: `connect({ address })`. */
import type { ClientOptions } from "./ClientOptions.js"
import { connectFabric } from "./connection/index.js"
import type { OpenFabric } from "./link/FabricConnection.js"
import { makeClient, type SkeinClient } from "./SkeinClient.js"

/** Where and as whom to connect. */
export interface ConnectSettings extends ClientOptions {
  /** `host:port` of a node. */
  readonly address: string
  readonly token?: string
  /** Shown to the operator: what program this is. */
  readonly clientName?: string
  /** For one attempt to connect with its handshake. Default 5,000 ms. */
  readonly connectTimeoutMs?: number
}

/** Opens connections as `settings` say; the library repeats it after each loss. */
export const socketFabric =
  (settings: Omit<ConnectSettings, "signal" | "timeoutMs">): OpenFabric =>
  (signal) =>
    connectFabric({
      address: settings.address,
      signal,
      ...(settings.token !== undefined && { token: settings.token }),
      ...(settings.clientName !== undefined && { clientName: settings.clientName }),
      ...(settings.connectTimeoutMs !== undefined && {
        connectTimeoutMs: settings.connectTimeoutMs,
      }),
      ...(settings.runtime !== undefined && { clock: settings.runtime.clock }),
    })

/**
 * Connects to a fabric; afterwards the client reconnects by itself. Attempts are repeated until
 * `timeoutMs` (default 30 s). Rejects with TimedOut (nobody answers; the last reason is named),
 * Unauthorized, VersionUnsupported, ConfigInvalid (the address) or Aborted.
 */
export const connect = (settings: ConnectSettings): Promise<SkeinClient> =>
  makeClient(socketFabric(settings), settings)
