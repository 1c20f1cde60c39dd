/** Owns: what the library needs of an open way to a fabric, over a socket or inside the process. */
import type { SkeinError } from "@skein/model"
import type { Fabric } from "@skein/wire"

export interface FabricConnection extends Fabric {
  /** Resolves, once, with the reason when this way is gone; its calls have then rejected. */
  readonly closed: Promise<SkeinError>
  readonly close: () => Promise<void>
}

/**
 * Opens a new way to the fabric. Rejects with a SkeinError; a retryable one is tried again, others
 * end the client. FabricClosed means that the fabric is gone for good.
 */
export type OpenFabric = (signal: AbortSignal) => Promise<FabricConnection>
