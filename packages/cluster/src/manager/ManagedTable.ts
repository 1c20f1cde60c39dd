/**
 * Owns: the shard table as this node last read it, and its replacement: by the manager only, and by
 * compare-and-set, so that of two nodes that both believe to be the manager one writes.
 * Must not know: what is decided.
 *
 * Tricky: between the look at the token and the store's compare-and-set another may claim and write
 * first: then the version is taken, and nothing is stored. Should it claim and not have written
 * yet, its own first write fails, it reads again and decides from this table.
 */
import type { ManagerToken, TableStore } from "@skein/journal"
import { type Epoch, isSkeinError, type SkeinError } from "@skein/model"
import { decodeTable, emptyTable, encodeTable, type ShardTable } from "@skein/placement"

export class ManagedTable {
  private current: ShardTable | SkeinError
  private stale = true
  private readonly forget: () => void

  constructor(
    private readonly store: TableStore,
    private readonly token: ManagerToken,
    private readonly shards: number,
    onChange: () => void,
  ) {
    this.current = emptyTable(shards)
    this.forget = store.onChange(() => {
      this.stale = true
      onChange()
    })
  }

  /** As last read; an error: what is stored cannot be used. */
  get table(): ShardTable | SkeinError {
    return this.current
  }

  /** The newest. */
  async read(): Promise<ShardTable | SkeinError> {
    if (!this.stale) return this.current
    // Before the read: what changes during it is read again.
    this.stale = false
    try {
      const stored = await this.store.read()
      this.current =
        stored === undefined
          ? emptyTable(this.shards)
          : decodeTable(stored.bytes, stored.version, this.shards)
    } catch (error) {
      this.stale = true
      throw error
    }
    return this.current
  }

  /** The next `read` asks the store. */
  distrust(): void {
    this.stale = true
  }

  async replace(next: ShardTable, epoch: Epoch): Promise<"fenced" | "conflict" | "replaced"> {
    if (!this.token.holds(epoch)) return "fenced"
    let stored = false
    try {
      stored = await this.store.replace(next.version - 1, encodeTable(next))
    } finally {
      if (!stored) this.stale = true
    }
    if (!stored) return "conflict"
    this.current = next
    return "replaced"
  }

  close(): void {
    this.forget()
  }
}

export const isTable = (table: ShardTable | SkeinError): table is ShardTable => !isSkeinError(table)
