/**
 * Owns: what a queue answers to a command: events to journal, a reply, deliveries. The shell
 * releases reply and deliveries only when all that they rest on is durable and the owner token was
 * seen.
 */
import type { Epoch, Sequence, SessionId, SkeinError } from "@skein/model"
import type { PurgeRest } from "./Command.js"
import type { Event } from "./Event.js"

/** The stored result of a frame; a repeat of the frame gets it again. */
export interface Published {
  readonly _tag: "Published"
  /** The frame's messages have the sequences `first .. first + count - 1`. */
  readonly first: Sequence
  readonly count: number
  /** Bit i set: message i repeated a dedup id; it counts as stored and has no sequence. */
  readonly duplicates?: Uint8Array
}

/** For each settle of the request, in order: the ranges that were refused with LeaseLost. */
export interface Settled {
  readonly _tag: "Settled"
  /** Empty when all was accepted; else one list of `first, last` pairs for each settle. */
  readonly lost: readonly (readonly Sequence[])[]
}

export interface Extended {
  readonly _tag: "Extended"
  /** Ranges that are no longer leased to the session. */
  readonly lost: readonly Sequence[]
}

export interface Purged {
  readonly _tag: "Purged"
  readonly messages: number
  /** Absent when all is done. */
  readonly rest?: PurgeRest
}

/** Messages of one frame that share attempt and counts. */
export interface Run {
  /** Opaque to the queue: where the journal holds the frame. NaN until it told. */
  readonly location: number
  readonly frameFirst: Sequence
  readonly frameCount: number
  readonly frameBytes: number
  readonly first: Sequence
  readonly last: Sequence
  /** Bit i set: message `first + i` is in the run. Absent: all of first..last are. */
  readonly selection?: Uint8Array
  /** Of its tags, when it is older than the owner's: leased before a planned move. */
  readonly epoch?: Epoch
  readonly attempt: number
  readonly failed: number
  readonly returned: number
  /** It may have been delivered before. */
  readonly redelivered: boolean
}

/** The answer to one fetch (`runs` empty: its wait is over). */
export interface Delivery {
  readonly session: SessionId
  readonly fetchNumber: number
  readonly runs: readonly Run[]
}

export interface Peeked {
  readonly _tag: "Peeked"
  readonly runs: readonly Run[]
}

export interface Refused {
  readonly _tag: "Refused"
  readonly error: SkeinError
}

export interface Done {
  readonly _tag: "Done"
}

export type Reply = Done | Extended | Peeked | Published | Purged | Refused | Settled

export interface Decision {
  readonly events: readonly Event[]
  readonly reply: Reply
  readonly deliveries: readonly Delivery[]
  /** A limit of one decision was reached: the same command has more to do at once. */
  readonly more?: boolean
}
