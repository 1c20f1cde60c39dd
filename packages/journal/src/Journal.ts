/**
 * Owns: the port to what is stored of shards. It knows records, frames and checkpoint chunks as
 * bytes; what they mean is the tenant's business. Commits are at node level: one call carries what
 * all shards of a node have ready, and one sync covers it.
 * Must not know: queues, sessions, the network.
 */
import type { Epoch, Generation, InstanceId, Sequence, Shard, SkeinError } from "@skein/model"
import type { Failpoints } from "./Failpoint.js"

/** Opaque number by which the journal finds a frame of a shard. A safe integer >= 0. */
export type Location = number

/** Names a frame in its shard for ever: whose it is and its first message. */
export interface FrameKey {
  readonly generation: Generation
  readonly first: Sequence
}

export interface FrameToStore extends FrameKey {
  readonly bytes: Uint8Array
}

/** The atomic unit of one shard: all of it is replayed, or nothing. */
export interface ShardRecord {
  readonly journalMs: number
  /** Encoded events; opaque here. */
  readonly events: Uint8Array
  readonly frames: readonly FrameToStore[]
}

export interface ShardAppend {
  readonly shard: Shard
  readonly epoch: Epoch
  /** Without records the commit only looks at the token: a reply without events needs that too. */
  readonly records: readonly ShardRecord[]
}

export type CommitResult =
  | {
      readonly _tag: "Committed"
      readonly shard: Shard
      /** Number of the last record of this shard that is durable. */
      readonly recordNumber: number
      /** Where the frames lie, in the order of records and frames. */
      readonly locations: readonly Location[]
    }
  /** Somebody else owns the shard: close it without a reply. */
  | { readonly _tag: "Fenced"; readonly shard: Shard }
  /** Nothing of this shard was stored, or it cannot be told: close it and open it again. */
  | { readonly _tag: "Refused"; readonly shard: Shard; readonly error: SkeinError }

export interface ReplayedFrame extends FrameKey {
  readonly location: Location
  readonly bytes: number
}

export interface ReplayedRecord {
  readonly recordNumber: number
  readonly epoch: Epoch
  readonly journalMs: number
  readonly events: Uint8Array
  readonly frames: readonly ReplayedFrame[]
}

/** A piece of the tenant's state under a name of the tenant's choosing. */
export interface Chunk {
  readonly key: string
  readonly bytes: Uint8Array
}

/** A change of the stored state: the state after record `recordNumber`, as chunks that changed. */
export interface CheckpointDelta {
  readonly recordNumber: number
  /**
   * The last record whose frames' locations are in the chunks: the `recordNumber` of the last
   * Committed that the tenant has taken in. Where the frames of later records lie it cannot know;
   * the journal stores that beside the chunks, see {@link OpenedShard.checkpoint}. A chunk changes
   * when a location in it becomes known.
   */
  readonly placedUpTo: number
  readonly put: readonly Chunk[]
  readonly drop: readonly string[]
}

/**
 * What the journal asks of the one who owns a shard's state. All methods are synchronous, so that
 * they see the state at a turn's end, where it equals a whole number of records.
 */
export interface ShardTenant {
  /** Chunks that changed since the last call (first call: since replay). Not durable records may
   * be in it: the journal publishes the checkpoint only when `recordNumber` is durable.
   * `undefined`: the tenant has ended. */
  readonly checkpoint: () => CheckpointDelta | undefined
  /** Where the tenant believes the frame lies; `undefined` when no message of it is left, or when
   * the answer to its commit has not been taken in yet. */
  readonly locate: (key: FrameKey) => Location | undefined
  /** The cleaner has copied the frame. No event: the state's meaning is the same, but the chunk
   * that holds the location has changed. */
  readonly relocate: (key: FrameKey, to: Location) => void
  /** Bytes of the shard were found to be damaged: a ShardCorrupt that names file and offset. The
   * shard goes on; a frame that is hit is refused when it is read. */
  readonly damaged?: (what: SkeinError) => void
  /** The shard is lost (fenced, failed): close without replies. Not called for what the result of
   * a commit says already. */
  readonly closed: (why: SkeinError) => void
}

/** A shard that this process has claimed. Replay it, attach the tenant, then commit. */
export interface OpenedShard {
  readonly shard: Shard
  readonly epoch: Epoch
  /** Bytes cut from a torn tail behind the last durable mark, 0 when there was none. */
  readonly tornBytes: number
  /** The newest checkpoint: its record number (0: there is none), its chunks, and locations that
   * were not known when the chunks were made: to be put in after the chunks, where the tenant has
   * the frame (no message of it may be left), and to count as changed chunks. */
  readonly checkpoint: {
    readonly recordNumber: number
    readonly chunks: AsyncIterable<Chunk>
    readonly placements: readonly ReplayedFrame[]
  }
  /** Records after the checkpoint, in order. Read to its end before {@link attach}. */
  readonly records: AsyncIterable<ReplayedRecord>
  readonly attach: (tenant: ShardTenant) => void
  /** The bytes of a frame, checked against its CRC. ShardCorrupt when they are damaged. */
  readonly read: (key: FrameKey, location: Location, bytes: number) => Promise<Uint8Array>
  /** No message of the frame is left: its room can be used again once a checkpoint says so. To be
   * called exactly once for each frame, in replay too; for a frame whose messages all went before
   * its commit was answered, when the answer comes. */
  readonly release: (location: Location, bytes: number) => void
  /** Checkpoint now and give the shard up. */
  readonly close: () => Promise<void>
  /**
   * Hands the token straight to that process, which follows the shard; answers its epoch there.
   * The last commit has been answered, and none may come after it. Once it resolves this shard is
   * closed here and its bytes are the other's. Rejects with MoveRefused when the token is surely
   * still here, with Moved when it is somebody else's.
   */
  readonly handTo: (instance: InstanceId) => Promise<Epoch>
}

/**
 * A shard of another owner, read along without a claim: how the target of a planned move gets warm.
 * What it reads may be records that were not confirmed yet; a tail that is not whole is no record.
 */
export interface FollowedShard {
  readonly shard: Shard
  readonly checkpoint: OpenedShard["checkpoint"]
  /** Records that are there by now and were not yielded before, in order. ShardUnavailable: the
   * owner has cleaned its log or is another one by now; close this one and follow again. */
  readonly catchUp: () => AsyncIterable<ReplayedRecord>
  /** Bytes of the owner's log that were not read yet, as of now. */
  readonly behindBytes: () => Promise<number>
  /**
   * The owner has handed its token to this process under `epoch`: seals, and answers the shard for
   * writing. Its `records` are those that `catchUp` has not yielded; its checkpoint is the one
   * above, with `placements` of frames that the owner has relocated since: put them in first, where
   * the tenant has the frame. Then release what was dropped while following, as always by the
   * location that was known. Rejects with Moved when the token is not here, and with
   * ShardUnavailable when not all was read: then `openShard` takes the shard over as any other.
   */
  readonly open: (epoch: Epoch) => Promise<OpenedShard>
  /** Lets go without opening. Again and late: harmless. */
  readonly close: () => Promise<void>
}

export interface JournalStatus {
  readonly driver: string
  readonly durability: "fdatasync" | "memory"
  readonly uncleanedBytes: number
  readonly freeBytes: number
  readonly commits: number
  readonly committedBytes: number
}

export interface Journal {
  /** Claims the shard under a new epoch and recovers it. */
  readonly openShard: (shard: Shard) => Promise<OpenedShard>
  /** Reads along a shard that another process owns. ShardUnavailable: there is no such owner. */
  readonly follow: (shard: Shard) => Promise<FollowedShard>
  /**
   * Stores the records of all these shards, syncs once, looks at each token, answers for each.
   * One call at a time. Never rejects: a failure is an answer for each shard.
   */
  readonly commit: (batch: readonly ShardAppend[]) => Promise<readonly CommitResult[]>
  /**
   * Sets room aside before a command is decided; `false`: refuse it with DiskFull. Settles may use
   * the last eighth, publishes may not. The caller gives back with `unreserve` what it set aside
   * when the commit has answered; what the commit wrote is counted by the journal itself.
   */
  readonly reserve: (bytes: number, purpose: "publish" | "settle") => boolean
  readonly unreserve: (bytes: number) => void
  readonly status: () => JournalStatus
  /** Told of the steps of commits, takeovers and moves, here and by those who use the journal.
   * Default: nobody is. */
  readonly failpoints?: Failpoints
  /** Resolves with the reason when the journal can never commit again (EIO): the process ends. */
  readonly failed: Promise<SkeinError>
  /** Closes what is open, cleanly: shards first, then the log. */
  readonly close: () => Promise<void>
}
