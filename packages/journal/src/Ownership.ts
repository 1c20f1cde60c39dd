/**
 * Owns: the port that answers who may commit for a shard. The token is the only truth (DESIGN.md
 * section 7): time and silence decide when to try a takeover, never who may confirm.
 */
import type { Epoch, InstanceId, Shard } from "@skein/model"

export interface Claim {
  readonly shard: Shard
  /** Exceeds every epoch that this shard has ever had. */
  readonly epoch: Epoch
  /** Who held the shard before; absent for a shard that is new. */
  readonly predecessor?: { readonly epoch: Epoch; readonly instance: InstanceId }
}

export interface Ownership {
  readonly instance: InstanceId
  /** Takes the shard from whoever has it. Rejects with Moved when another was quicker. */
  readonly claim: (shard: Shard) => Promise<Claim>
  /** Looks at the token itself, now, without an await. */
  readonly holds: (shard: Shard, epoch: Epoch) => boolean
  /** The instance that holds the shard, if any ever did. */
  readonly holder: (
    shard: Shard,
  ) => Promise<{ readonly epoch: Epoch; readonly instance: InstanceId } | undefined>
}
