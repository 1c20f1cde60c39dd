/**
 * Owns: what can be asked of a queue. Plain values; the shell makes them from requests that are
 * already checked for form (lengths, limits, names), and passes the time beside them.
 */
import type { Epoch, Outcome, ProducerId, QueuePolicy, Sequence, SessionId } from "@skein/model"

/** What the queue needs to know of a frame; its bytes stay with the shell and the journal. */
export interface FrameSummary {
  /** Messages in the frame, 1 to `limits.frameMessagesMax`. */
  readonly count: number
  /** Bytes of the whole frame. */
  readonly bytes: number
  /** The largest body in it. */
  readonly bodyBytesLargest: number
  /** 16 bytes a message: hash of its dedup id, all zero for a message without one. */
  readonly dedup?: Uint8Array
}

/** One frame under the producer contract of DESIGN.md section 6. */
export interface Publish {
  readonly _tag: "Publish"
  readonly producer: ProducerId
  /** Counts this producer's frames to this queue from 1 without gaps. */
  readonly frameNumber: number
  readonly frame: FrameSummary
}

/** Deliveries of one epoch and attempt that ended alike. */
export interface Settle {
  readonly outcome: Outcome
  readonly epoch: Epoch
  readonly attempt: number
  /** Pairs `first, last` (inclusive), ascending, not overlapping. */
  readonly ranges: readonly Sequence[]
}

/** Ask for messages; waits (as a long poll) while there are none. Settles are done first. */
export interface Fetch {
  readonly _tag: "Fetch"
  readonly session: SessionId
  /** Rises with each fetch of this session, gaps allowed; a repeat gets the same answer. */
  readonly fetchNumber: number
  readonly messagesMax: number
  readonly bytesMax: number
  /** Milliseconds; 0 answers at once, if need be with nothing. */
  readonly waitMs: number
  readonly settles: readonly Settle[]
}

export interface SettleAlone {
  readonly _tag: "Settle"
  readonly session: SessionId
  readonly settles: readonly Settle[]
}

/** Lease these deliveries for `leaseMs` from now (default: the queue's lease). */
export interface Extend {
  readonly _tag: "Extend"
  readonly session: SessionId
  readonly epoch: Epoch
  readonly ranges: readonly Sequence[]
  readonly leaseMs?: number
}

/** Drop a waiting fetch whose caller is gone; its messages, if any came, stay leased. */
export interface CancelFetch {
  readonly _tag: "CancelFetch"
  readonly session: SessionId
  readonly fetchNumber: number
}

/** `closed` by its client returns what it holds; `lost` counts it as failed. */
export interface EndSession {
  readonly _tag: "EndSession"
  readonly session: SessionId
  readonly reason: "closed" | "lost"
}

/**
 * Remove every message that is ready; leased ones stay with their sessions. One decision names at
 * most `limits.eventRangesMax` ranges; the reply then says how to go on. Messages published since
 * the first part stay; a delivery that is given back meanwhile may be removed or stay.
 */
export interface Purge {
  readonly _tag: "Purge"
  /** To go on: as the reply before said. */
  readonly rest?: PurgeRest
}

/** The part of a purge that is still to be done. */
export interface PurgeRest {
  /** All that was ready before it is gone. */
  readonly from: Sequence
  /** Messages from here on came after the purge began. */
  readonly end: Sequence
}

/** Look at messages from `from` on, leased or not, without a lease. */
export interface Peek {
  readonly _tag: "Peek"
  readonly from: Sequence
  readonly messagesMax: number
  readonly bytesMax: number
}

/** Give ready messages to waiting fetches; the shell sends it once, at the end of each batch. */
export interface Deliver {
  readonly _tag: "Deliver"
}

/** Something of `nextDue` is due: leases, waits. Leases are extended by `stallMs` first. */
export interface Tick {
  readonly _tag: "Tick"
  /** How long the node itself stood still before this tick, so that no lease pays for it. */
  readonly stallMs: number
}

/** The shard was opened under a new epoch: always the first command of an owner. */
export interface Open {
  readonly _tag: "Open"
  readonly epoch: Epoch
}

/**
 * The shard is about to be given away in a planned move: writes down what the next owner needs
 * beside the durable facts. Leases and sessions are those of `pausedMs` ago: nobody pays for the
 * pause.
 */
export interface HandOver {
  readonly _tag: "HandOver"
  readonly pausedMs: number
  /** The sessions' leases at the node, as far as it knows them. */
  readonly sessionLease: (session: SessionId) => SessionLease | undefined
}

export interface SessionLease {
  readonly leaseMs: number
  readonly remainingMs: number
}

/** The shard was received in a planned move: the first command of its new owner then. */
export interface Receive {
  readonly _tag: "Receive"
  readonly epoch: Epoch
}

/** First use of a queue in its shard; a repeat changes nothing. Opens it for `epoch`, too. */
export interface Create {
  readonly _tag: "Create"
  readonly name: string
  readonly policy: QueuePolicy
  readonly epoch: Epoch
}

/** Everything goes; a repeat changes nothing. Afterwards the shell drops state and chunks. */
export interface Delete {
  readonly _tag: "Delete"
}

export type Command =
  | CancelFetch
  | Create
  | Delete
  | Deliver
  | EndSession
  | Extend
  | Fetch
  | HandOver
  | Open
  | Peek
  | Publish
  | Purge
  | Receive
  | SettleAlone
  | Tick
