/** Owns: connections of this node to others, as the engine needs them. It shares none of them. */
import { connectFabric } from "@skein/client/connection"
import type { Peers } from "@skein/cluster"
import { skeinError } from "@skein/model"

export interface ConnectPeersOptions {
  /** The fabric's peer secret. */
  readonly secret: string
  readonly fabricId: string
  /** Shown to operators of the other node. */
  readonly name: string
  /** For connecting and the handshake together; default 1 s. */
  readonly connectTimeoutMs?: number
}

/**
 * Besides what connecting rejects with: Unauthorized when another fabric answers at the address.
 */
export const connectPeers = (options: ConnectPeersOptions): Peers => ({
  connect: async (address) => {
    const connection = await connectFabric({
      address,
      peer: options.secret,
      clientName: options.name,
      connectTimeoutMs: options.connectTimeoutMs ?? 1_000,
    })
    const { engine, welcome } = connection
    if (welcome.fabricId !== options.fabricId) {
      await connection.close()
      throw skeinError("Unauthorized", `${address} is a node of the fabric ${welcome.fabricId}`)
    }
    return {
      send: (payload) => engine.send(payload),
      onMessage: (listener) => engine.onMessage(listener),
      closed: connection.closed,
      close: () => connection.close(),
    }
  },
})
