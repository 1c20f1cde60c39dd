/**
 * Owns: what the connections of one port share: the fabric, limits, clock, budgets, and whether the
 * port is draining. The port makes it; a connection reads it and reports through it.
 */

import type { EngineDoor } from "@skein/cluster"
import type { Clock, SkeinError } from "@skein/model"
import type { Fabric, Parts, Welcome } from "@skein/wire"
import type { AdminDoor } from "./AdminDoor.js"
import type { Budget } from "./Budget.js"

/** Those of `limits` that the port enforces; tests make them small. */
export interface PortLimits {
  readonly answerBytesPerConnectionMax: number
  readonly answerBytesPerNodeMax: number
  readonly bootstrapEveryMs: number
  readonly connectionsPerNodeMax: number
  /** Connections of other nodes, which do not count as connections of clients. */
  readonly nodesMax: number
  readonly helloWithinMs: number
  readonly envelopeWithinMs: number
  readonly idleWithinMs: number
  readonly lingerMs: number
  readonly drainWithinMs: number
  readonly inFlightBytesPerConnectionMax: number
  readonly inFlightBytesPerNodeMax: number
  readonly partialBytesPerNodeMax: number
  readonly requestsInFlightPerConnectionMax: number
  readonly sessionsPerConnectionMax: number
  readonly unsentBytesPauseAt: number
  readonly unsentBytesPerConnectionMax: number
  readonly unsentBytesPerNodeMax: number
}

/** What happened at the port, for the log. Never holds a token or a body. */
export type PortEvent =
  | { readonly _tag: "Listening"; readonly host: string; readonly port: number }
  | { readonly _tag: "Connected"; readonly peer: string; readonly client: string }
  | { readonly _tag: "Refused"; readonly peer: string; readonly error: SkeinError }
  | { readonly _tag: "Disconnected"; readonly peer: string; readonly connectedMs: number }
  | { readonly _tag: "RequestFault"; readonly kind: string; readonly cause: unknown }
  | { readonly _tag: "Draining"; readonly connections: number }
  | { readonly _tag: "Stopped" }

export interface PortHost {
  readonly fabric: Fabric
  readonly admin: AdminDoor
  readonly limits: PortLimits
  readonly clock: Clock
  readonly welcome: Welcome
  readonly isToken: (token: string | undefined) => boolean
  /** Whether it is the fabric's peer secret. */
  readonly isPeer: (secret: string) => boolean
  /** Why one more connection of that sort cannot be taken; it is counted if it can. */
  readonly admit: (isPeer: boolean) => SkeinError | undefined
  /** Where the engine's messages of peers go; absent: the node is alone. */
  readonly engine: EngineDoor | undefined
  /** The shard map as an envelope, encoded once for all connections. */
  readonly shardMap: () => Parts | undefined
  readonly onEvent: (event: PortEvent) => void
  readonly budget: Budget
  /** Closes the connection whose envelope was begun first. */
  readonly evictOldestPartial: () => void
  /** Closes the connection that left most of its answers unread. */
  readonly evictMostUnsent: () => void
  draining: boolean
}
