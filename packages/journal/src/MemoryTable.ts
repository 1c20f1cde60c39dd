/**
 * Owns: the stored shard table and the manager's token in memory: one {@link MemoryTables} is
 * shared by all nodes of a process, as a directory is by processes.
 */
import type { InstanceId } from "@skein/model"
import { MemoryTokens } from "./MemoryOwnership.js"
import type { ManagerToken, StoredTable, TableStore } from "./TableStore.js"

/** The one table, and the one token of the manager. */
export class MemoryTables {
  #newest: StoredTable | undefined
  readonly #listeners = new Set<() => void>()
  readonly #tokens = new MemoryTokens()

  get newest(): StoredTable | undefined {
    return this.#newest
  }

  replace(after: number, bytes: Uint8Array): boolean {
    if ((this.#newest?.version ?? 0) !== after) return false
    this.#newest = { version: after + 1, bytes: Uint8Array.from(bytes) }
    for (const listener of [...this.#listeners]) listener()
    return true
  }

  onChange(listener: () => void): () => void {
    const own = () => listener()
    this.#listeners.add(own)
    return () => {
      this.#listeners.delete(own)
    }
  }

  /** The manager's token is a shard's token: the one of a shard that there is not. */
  get manager(): { readonly epoch: number; readonly instance: InstanceId } | undefined {
    return this.#tokens.holder(0)
  }

  claimManager(instance: InstanceId): number {
    return this.#tokens.take(0, instance).epoch
  }
}

export const memoryTableStore = (tables: MemoryTables): TableStore => ({
  read: async () => tables.newest,
  replace: async (after, bytes) => tables.replace(after, bytes),
  onChange: (listener) => tables.onChange(listener),
})

export const memoryManagerToken = (tables: MemoryTables, instance: InstanceId): ManagerToken => ({
  claim: async () => tables.claimManager(instance),
  holds: (epoch) => tables.manager?.epoch === epoch && tables.manager.instance === instance,
  holder: async () => tables.manager,
})
