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

/** A shard that its owner gives to a process that has read along. */
export interface Handing {
  readonly shard: Shard
  /** The giver's. */
  readonly epoch: Epoch
  readonly to: InstanceId
  /** The last durable record: with this one the other knows that it has read all. */
  readonly recordNumber: number
  readonly crc: number
}

export interface Ownership {
  readonly instance: InstanceId
  /** Takes the shard from whoever has it. Rejects with Moved when another was quicker. */
  readonly claim: (shard: Shard) => Promise<Claim>
  /** Gives the token to another; answers its epoch there. Moved: this process did not have it. */
  readonly hand: (handing: Handing) => Promise<Epoch>
  /** Looks at the token itself, now, without an await. */
  readonly holds: (shard: Shard, epoch: Epoch) => boolean
  /** The instance that holds the shard, if any ever did. */
  readonly holder: (
    shard: Shard,
  ) => Promise<{ readonly epoch: Epoch; readonly instance: InstanceId } | undefined>
}
