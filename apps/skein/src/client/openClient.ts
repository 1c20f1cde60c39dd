/**
 * Owns: the command's connection. The library repeats a first connection that fails; somebody at a
 * terminal wants to know at once, so the first attempt is made here and handed over.
 */

import type { Queue, SkeinClient } from "@skein/client"
import type { Settings } from "../config/settings.js"

export interface OpenClientOptions {
  readonly settings: Settings
  readonly token: string | undefined
  readonly signal: AbortSignal
}

export interface OpenedClient {
  readonly client: SkeinClient
  readonly Queue: typeof Queue
}

/** Rejects with ConnectionFailed, Unauthorized, VersionUnsupported, ConfigInvalid or Aborted. */
export const openClient = async (options: OpenClientOptions): Promise<OpenedClient> => {
  const { connectFabric, makeClient, Queue, socketFabric } = await import("@skein/client")
  const { settings, token, signal } = options
  const to = {
    address: settings.address,
    connectTimeoutMs: settings.connectTimeout,
    clientName: "skein",
    ...(token !== undefined && { token }),
  }
  const again = socketFabric(to)
  let first: Awaited<ReturnType<typeof connectFabric>> | undefined = await connectFabric({
    ...to,
    signal,
  })
  const client = await makeClient(
    (aborted, address) => {
      const ready = first
      first = undefined
      return ready === undefined ? again(aborted, address) : Promise.resolve(ready)
    },
    { signal, timeoutMs: settings.timeout },
  )
  return { client, Queue }
}
