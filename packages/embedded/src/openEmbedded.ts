/**
 * Owns: a node of this process as the client library's way to a fabric.
 *
 * Shutdown order: the client's part of it (consumers, publishes in flight, sessions) comes first
 * and is the library's; closing the way to the fabric then closes the node.
 */
import type { FabricConnection, OpenFabric } from "@skein/client"
import type { Disk } from "@skein/journal"
import { type SkeinError, skeinError } from "@skein/model"
import { inProcess } from "@skein/node"
import { openNode, type Storage } from "./openNode.js"

/** `{ dir }` or `{ memory: true }`, and what a fabric that is created now shall be. */
export type EmbeddedOptions = Storage & {
  /** Fixed when the fabric is created. Default 64. */
  readonly shards?: number
  /** Faults that were contained, for a log. Default: they are not told. */
  readonly onFault?: (where: string, error: SkeinError) => void
}

export interface Embedded {
  readonly open: OpenFabric
  /** Drains and closes the node. Again: the same promise. */
  readonly close: () => Promise<void>
}

const version = "0.1.0"

/**
 * Rejects with DirectoryInUse, DirectoryForeign, DirectoryUnusable or ConfigInvalid. `disk` is the
 * file system under `dir`, by default the local one.
 */
export const openEmbedded = async (options: EmbeddedOptions, disk?: Disk): Promise<Embedded> => {
  const { shards, onFault } = options
  const node = await openNode({
    storage: "dir" in options ? { dir: options.dir } : { memory: true },
    version,
    ...(disk !== undefined && { disk }),
    ...(shards !== undefined && { shards }),
    ...(onFault !== undefined && { onFault }),
  })
  let end: (why: SkeinError) => void = () => {}
  const closed = new Promise<SkeinError>((resolve) => {
    end = resolve
  })
  let closedBy: SkeinError | undefined
  const close = async (): Promise<void> => {
    closedBy ??= skeinError("FabricClosed", "the fabric was closed")
    try {
      await node.close()
    } finally {
      end(closedBy)
    }
  }
  void node.failed.then((error) => {
    // Closing makes the node's parts end too: that is no failure.
    closedBy ??= gaveUp(error)
    end(closedBy)
  })
  const connection: FabricConnection = {
    broker: inProcess(node.core.broker),
    admin: node.core.admin,
    closed,
    close,
  }
  const open: OpenFabric = async () => {
    if (closedBy !== undefined) throw closedBy
    return connection
  }
  return { open, close }
}

const gaveUp = (error: SkeinError): SkeinError =>
  skeinError("FabricClosed", `the fabric ended: ${error.message}`, {}, { cause: error })
