/**
 * Owns: what a shard host asks of the actors that live in it, and the turn it gives them. An actor
 * owns its state and its mailbox; the host owns the record that all actors of the shard share.
 * Must not know: what actors are (queues, the catalog), how records are stored.
 */
import type { FrameToStore, Location } from "@skein/journal"
import type { Generation, Now, Sequence, SkeinError } from "@skein/model"

/** Somebody who waits until what the answer rests on is durable and the token was seen. */
export interface Waiter {
  readonly release: () => void
  readonly fail: (error: SkeinError) => void
}

/** One turn of the shard: commands decided now go into one record. */
export interface Turn {
  readonly now: Now
  /** Frames to be stored with the events of this record. */
  readonly store: (frame: FrameToStore) => void
  /** Released after this record's commit, in the order of these calls. */
  readonly wait: (waiter: Waiter) => void
  /** Sets room aside in the journal for this record; `false`: refuse with DiskFull. */
  readonly reserve: (bytes: number, purpose: "publish" | "settle") => boolean
  /** Why not: the DiskFull to refuse with. */
  readonly noRoom: (bytes: number, purpose: "publish" | "settle") => SkeinError
  /** Whether so much more keeps the record below `limits.recordBytesMax`; ask it first. */
  readonly fits: (bytes: number) => boolean
  /** For the shard's load: so much was published, or is handed out. */
  readonly count: (messages: number, bytes: number) => void
  /** No more room or time in this turn: leave the rest in the mailbox. */
  readonly spent: () => boolean
}

export interface ActorChunk {
  readonly key: string
  readonly bytes: Uint8Array
}

/** Chunks that changed, under keys that are unique within the actor. */
export interface ActorDelta {
  readonly put: readonly ActorChunk[]
  readonly drop: readonly string[]
}

export interface ActorFrame {
  readonly first: Sequence
  readonly bytes: number
}

/** An actor's state at the end of a turn. */
export interface WholeActor {
  readonly chunks: readonly ActorChunk[]
  /** Its living frames begin before this. */
  readonly below: Sequence
  readonly frames: number
  readonly frameBytes: number
}

export interface ShardActor {
  readonly generation: Generation
  /** The first thing an owner says: what was leased under an older epoch is not any more. */
  readonly open: (turn: Turn) => void
  /** As `open`, when the shard came by a planned move: what was handed over goes on. */
  readonly receive: (turn: Turn) => void
  /**
   * Writes down what the next owner needs beside the durable facts; nothing is decided after it
   * but by `resume`. Throws when the journal has no room for it.
   */
  readonly handOver: (turn: Turn, pausedMs: number) => void
  /** Whether what was replayed ends with this very state being handed over. */
  readonly isHandedOver: () => boolean
  /** The shard stays here after all. */
  readonly resume: () => void
  /** Those that wait in the mailbox have waited long enough for the end of a move. */
  readonly shed: (why: SkeinError) => void
  /** Decides and evolves what is in the mailbox; answers whether commands are left in it. */
  readonly work: (turn: Turn) => boolean
  /** The record is sealed after this: hands out what is ready, answers the encoded events. */
  readonly seal: (turn: Turn) => Uint8Array | undefined
  /** How many more messages wait than at the last call. */
  readonly depthChange: () => number
  /** Monotonic ms at which it wants a turn although its mailbox is empty. */
  readonly dueMs: () => number
  /** That time has come. `stallMs`: how long the node itself stood still. */
  readonly tick: (stallMs: number) => void
  /** Applies events of a record that was read back. */
  readonly replay: (events: Uint8Array) => void
  /** The journal told where a frame lies: after its commit, in replay, or when it was copied.
   * `false`: no message of the frame is left. `bytes`: its size; absent when it was copied. */
  readonly relocate: (first: Sequence, location: Location, bytes?: number) => boolean
  readonly locate: (first: Sequence) => Location | undefined
  /** It is deleted: its frames are given back; its next checkpoint drops its chunks. */
  readonly erase: () => void
  /** Set aside after a fault: its events cannot be applied, and are kept as data. */
  readonly isAside: () => boolean
  /**
   * Only when it is aside: events of its that no checkpoint holds yet, in order, applied or not;
   * the next `checkpoint` stores them as they are.
   */
  readonly keep: (events: Uint8Array) => void
  /** What changed since the last call. */
  readonly checkpoint: () => ActorDelta
  /** All that is durable of it, for a copy; `undefined` when it is aside: nobody can tell. */
  readonly whole: () => WholeActor | undefined
  /**
   * Its living frames that begin at `from` or later and before `below`, ascending: as many as one
   * page of a backup holds, and at least one if there is one.
   */
  readonly framesFrom: (from: Sequence, below: Sequence) => readonly ActorFrame[]
  /** Answers everybody who waits; nothing is journaled any more. */
  readonly close: (why: SkeinError) => void
}
