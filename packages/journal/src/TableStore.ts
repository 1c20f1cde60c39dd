/**
 * Owns: the port to the stored shard table of a fabric: versioned, replaced by compare-and-set
 * only. The bytes are the manager's business.
 */
export interface StoredTable {
  /** From 1. */
  readonly version: number
  readonly bytes: Uint8Array
}

export interface TableStore {
  /** The newest; `undefined`: nobody has written one yet. */
  readonly read: () => Promise<StoredTable | undefined>
  /**
   * Stores `bytes` durably as version `after + 1` if `after` is still the newest (0: none is
   * there). `false`: another was quicker, and nothing was stored.
   */
  readonly replace: (after: number, bytes: Uint8Array) => Promise<boolean>
  /** `listener` is called soon after each replacement by anybody; the answer ends that. */
  readonly onChange: (listener: () => void) => () => void
}

/** The token of the fabric's manager: the protocol of a shard's token (Ownership.ts). */
export interface ManagerToken {
  /** Takes it from whoever has it; `undefined`: another was quicker. */
  readonly claim: () => Promise<number | undefined>
  /** Looks at the token itself, now, without an await. */
  readonly holds: (epoch: number) => boolean
  readonly holder: () => Promise<{ readonly epoch: number; readonly instance: string } | undefined>
}
