/**
 * Owns: what can happen to a queue. Durable events are journaled and replayed; volatile ones
 * (leases and waits) live in memory only: after a crash `Opened` draws the consequence (DESIGN.md
 * section 6).
 * Append only: a tag number and its fields never change meaning.
 */
import type { Epoch, Outcome, ProducerId, QueuePolicy, Sequence, SessionId } from "@skein/model"
import type { Tag } from "./state/Settlers.js"

/** First event of a queue. */
export interface Created {
  readonly _tag: "Created"
  readonly name: string
  readonly policy: QueuePolicy
}

/**
 * A new owner: every lease is gone, touched blocks are flagged, open deliveries count as failed.
 */
export interface Opened {
  readonly _tag: "Opened"
  readonly epoch: Epoch
}

export interface FramePublished {
  readonly _tag: "FramePublished"
  readonly journalMs: number
  readonly producer: ProducerId
  readonly frameNumber: number
  readonly first: Sequence
  readonly count: number
  readonly bytes: number
  /** Bit i set: message i is a duplicate and is born settled. All set: the frame is not stored. */
  readonly duplicates?: Uint8Array
  /** 16 bytes a message, as in the command. */
  readonly dedup?: Uint8Array
}

/** Messages of this block are about to be handed out for the first time. */
export interface Touched {
  readonly _tag: "Touched"
  readonly block: number
}

/** A delivery of messages that are flagged or have failed before. */
export interface Redelivered {
  readonly _tag: "Redelivered"
  readonly ranges: readonly Sequence[]
}

export type EndCause = "closed" | "expired" | "lost"

/** Deliveries that ended: by outcome, and for `return` and `fail` also why, if not at a word. */
export interface Ended {
  readonly _tag: "Ended"
  readonly outcome: Outcome
  readonly cause?: EndCause
  /** Of an ack or reject: the tag, when the messages' latest deliveries have another. */
  readonly by?: Tag
  readonly ranges: readonly Sequence[]
}

/** What a session may still ask for: its answered fetch numbers, and its lease at the node. */
export interface SessionHanded {
  readonly session: SessionId
  readonly answeredMax: number
  /** Bit i: fetch number `answeredMax - i` was answered. */
  readonly answeredBits: number
  /** Of the session's lease at its node; 0: the node did not know it. */
  readonly leaseMs: number
  readonly remainingMs: number
}

/** A lease that goes on at the next owner. */
export interface LeaseHanded {
  readonly session: SessionId
  readonly fetchNumber: number
  /** Of its tags. */
  readonly epoch: Epoch
  readonly remainingMs: number
  readonly ranges: readonly Sequence[]
}

/**
 * The owner is about to give the shard away in a planned move. Durable, but no fact: it means
 * something only to a `Received` that follows it directly; any other event makes it void.
 */
export interface HandedOver {
  readonly _tag: "HandedOver"
  /** Counts the events of one hand-over from 0: many leases take several. */
  readonly part: number
  /** Of the state before it. */
  readonly digest: string
  readonly sessions: readonly SessionHanded[]
  readonly leases: readonly LeaseHanded[]
}

/** A new owner by a planned move: nothing has failed, and leases go on as handed over. */
export interface Received {
  readonly _tag: "Received"
  readonly epoch: Epoch
}

export interface MessagesPurged {
  readonly _tag: "MessagesPurged"
  readonly ranges: readonly Sequence[]
}

/** Last event of a queue: its messages, producers and dedup ids are gone. */
export interface Deleted {
  readonly _tag: "Deleted"
}

export type DurableEvent =
  | Created
  | Deleted
  | Ended
  | FramePublished
  | HandedOver
  | MessagesPurged
  | Opened
  | Received
  | Redelivered
  | Touched

export interface Leased {
  readonly _tag: "Leased"
  readonly session: SessionId
  readonly fetchNumber: number
  readonly epoch: Epoch
  readonly untilMs: number
  readonly ranges: readonly Sequence[]
}

export interface LeaseExtended {
  readonly _tag: "LeaseExtended"
  readonly session: SessionId
  readonly epoch: Epoch
  readonly untilMs: number
  readonly ranges: readonly Sequence[]
}

/** The node stood still: every lease and wait is due so much later. */
export interface LeasesShifted {
  readonly _tag: "LeasesShifted"
  readonly byMs: number
}

export interface FetchWaits {
  readonly _tag: "FetchWaits"
  readonly session: SessionId
  readonly fetchNumber: number
  readonly messagesMax: number
  readonly bytesMax: number
  readonly untilMs: number
}

export interface FetchEnded {
  readonly _tag: "FetchEnded"
  readonly session: SessionId
  readonly fetchNumber: number
}

export interface SessionForgotten {
  readonly _tag: "SessionForgotten"
  readonly session: SessionId
}

/** A session is known again, as its former owner knew it. */
export interface SessionResumed {
  readonly _tag: "SessionResumed"
  readonly session: SessionHanded
}

export type VolatileEvent =
  | FetchEnded
  | FetchWaits
  | LeaseExtended
  | Leased
  | LeasesShifted
  | SessionForgotten
  | SessionResumed

export type Event = DurableEvent | VolatileEvent
