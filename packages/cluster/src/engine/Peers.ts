/**
 * Owns: the two ports between the engine and the connections of nodes: lines to other nodes, and
 * the door through which the messages of other nodes come in. A message is one msgpack value.
 * Must not know: sockets, who may be a peer.
 */
import type { SkeinError } from "@skein/model"

/** A connection to another node. */
export interface PeerConnection {
  /** Sends one message; answers why it cannot. */
  readonly send: (payload: Uint8Array) => SkeinError | undefined
  /** `listener` takes the place of the one before. */
  readonly onMessage: (listener: (payload: Uint8Array) => void) => void
  /** Why it ended, once it has. Never rejects. */
  readonly closed: Promise<SkeinError>
  readonly close: () => Promise<void>
}

export interface Peers {
  /** One connection, made now. Rejects with a SkeinError, within a bounded time. */
  readonly connect: (address: string) => Promise<PeerConnection>
}

/** A peer's connection to this node, as the engine sees it. */
export interface PeerLine {
  /** Answers what the peer did wrong; its connection is closed then. */
  readonly receive: (payload: Uint8Array) => SkeinError | undefined
  /** The connection is gone. */
  readonly close: () => void
}

export interface EngineDoor {
  /** A peer's first message came; `send` takes the messages for it. */
  readonly open: (send: (payload: Uint8Array) => void) => PeerLine
}
