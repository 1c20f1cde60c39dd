/** Owns: the client over a socket: `connect({ address })`. */
import { skeinError } from "@skein/model"
import type { ClientOptions } from "./ClientOptions.js"
import { clientLimits } from "./clientLimits.js"
import { connectFabric } from "./connection/index.js"
import type { OpenFabric } from "./link/FabricConnection.js"
import { type Attempt, openAny } from "./link/openAny.js"
import { systemRuntime } from "./Runtime.js"
import { makeClient, type SkeinClient } from "./SkeinClient.js"

/** Where and as whom to connect. */
export interface ConnectSettings extends ClientOptions {
  /**
   * `host:port` of a node, or of several: any of them leads to the whole fabric, so one that is
   * alive will do.
   */
  readonly address: string | readonly string[]
  readonly token?: string
  /** Shown to the operator: what program this is. */
  readonly clientName?: string
  /** For one attempt to connect with its handshake. Default 5,000 ms. */
  readonly connectTimeoutMs?: number
}

/**
 * Opens connections as `settings` say, to the address that the library names or else to any of
 * them; the library repeats it after each loss.
 */
export const socketFabric = (
  settings: Omit<ConnectSettings, "signal" | "timeoutMs">,
): OpenFabric => {
  const { address, runtime = systemRuntime } = settings
  const addresses = typeof address === "string" ? [address] : address
  const open = (signal: AbortSignal, to: string) =>
    connectFabric({
      address: to,
      signal,
      ...(settings.token !== undefined && { token: settings.token }),
      ...(settings.clientName !== undefined && { clientName: settings.clientName }),
      ...(settings.connectTimeoutMs !== undefined && {
        connectTimeoutMs: settings.connectTimeoutMs,
      }),
      clock: runtime.clock,
    })
  const any = addresses.map(
    (to): Attempt =>
      (signal) =>
        open(signal, to),
  )
  return (signal, to) => {
    if (to !== undefined) return open(signal, to)
    if (any.length > 0) return openAny(runtime.clock, any, clientLimits.connectStaggerMs, signal)
    return Promise.reject(skeinError("ConfigInvalid", "no address to connect to is given"))
  }
}

/**
 * Connects to a fabric; afterwards the client reconnects by itself. Attempts are repeated until
 * `timeoutMs` (default 30 s). Rejects with TimedOut (nobody answers; the last reason is named),
 * Unauthorized, VersionUnsupported, ConfigInvalid (the address) or Aborted.
 */
export const connect = (settings: ConnectSettings): Promise<SkeinClient> =>
  makeClient(socketFabric(settings), settings)
