/** Owns: what the library needs of an open way to a fabric, over a socket or inside the process. */
import type { SkeinError } from "@skein/model"
import type { Fabric, ShardMap } from "@skein/wire"

export interface FabricConnection extends Fabric {
  /** Resolves, once, with the reason when this way is gone; its calls have then rejected. */
  readonly closed: Promise<SkeinError>
  readonly close: () => Promise<void>
  /** Which node answers here; absent where there is only one. */
  readonly welcome?: { readonly node: string; readonly instance: string }
  /** The newest shard map that came this way, and those to come; absent where there are none. */
  readonly shardMap?: () => ShardMap | undefined
  readonly onShardMap?: (listener: (map: ShardMap) => void) => () => void
  /** The connection that this one is a view of; absent: it is one itself. */
  readonly root?: FabricConnection
}

/**
 * Opens a new way to the fabric: to the node at `address`, or without one, to whatever node the
 * program was told of. Rejects with a SkeinError; a retryable one is tried again, others end the
 * client. FabricClosed means that the fabric is gone for good. A fabric that sends no shard map is
 * never asked for an address.
 */
export type OpenFabric = (signal: AbortSignal, address?: string) => Promise<FabricConnection>

export interface LinkUser {
  readonly linkUp: (fabric: FabricConnection) => void
  readonly linkDown: () => void
  /** An attempt to connect has failed; the link goes on trying. */
  readonly linkFailed?: () => void
  readonly linkClosed: (error: SkeinError) => void
}

/** A way to the fabric that is kept open. */
export interface Link {
  /** The open connection; undefined while there is none. */
  readonly fabric: FabricConnection | undefined
  /** Why there is no connection, when that is known. */
  readonly lastError: SkeinError | undefined
  /** Tells `user` of every change from now on, and of the present connection at once. */
  readonly attach: (user: LinkUser) => () => void
}

/** The connection itself, of which `fabric` may be a view. */
export const rootOf = (fabric: FabricConnection): FabricConnection => fabric.root ?? fabric
