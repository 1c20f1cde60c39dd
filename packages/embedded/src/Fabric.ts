/**
 * Owns: a fabric inside the caller's process for the Promise API: `Fabric.embedded({ dir })`. The
 * client is the same as that of `connect({ address })`: a program moves by one line.
 * Must not know: sockets, how a node is put together.
 */
import { type ClientOptions, makeClient, type SkeinClient } from "@skein/client"
import { type EmbeddedOptions, openEmbedded } from "./openEmbedded.js"

export const Fabric = {
  /**
   * Opens the fabric in `dir` (created when missing), or one in memory that ends with the process.
   * `close()` of the client drains and closes all of it. When the disk fails for good, every call
   * rejects with FabricClosed. Rejects with DirectoryInUse (the holder is named), DirectoryForeign,
   * DirectoryUnusable, ConfigInvalid, TimedOut or Aborted.
   */
  embedded: async (options: ClientOptions & EmbeddedOptions): Promise<SkeinClient> => {
    const embedded = await openEmbedded(options)
    try {
      return await makeClient(embedded.open, options)
    } catch (error) {
      await embedded.close()
      throw error
    }
  },
}
