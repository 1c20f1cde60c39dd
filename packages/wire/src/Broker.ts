/**
 * Owns: the data port that outsiders see: publish, fetch, settle. The node implements it, the
 * socket carries it (PROTOCOL.md), the embedded fabric hands it over directly; gateways see nothing
 * else.
 * Must not know: sockets, queues' inner state, Effect. Every promise rejects with a SkeinError
 * only.
 */
import type { Epoch, ProducerId, QueueRef, Sequence, SessionId } from "@skein/model"
import type { Settle } from "./Settle.js"

export interface PublishRequest {
  readonly queue: QueueRef
  readonly producer: ProducerId
  /** Counts the producer's frames to this queue from 1 without gaps. */
  readonly frameNumber: number
  /** A frame as of Frame.ts; journaled and delivered as it is. */
  readonly frame: Uint8Array
}

export interface PublishAnswer {
  /** The frame's messages have the sequences `first .. first + count - 1`. */
  readonly first: Sequence
  readonly count: number
  /** Bit i set: message i repeated a dedup id: it counts as stored and has no sequence. */
  readonly duplicates?: Uint8Array
}

export interface FetchRequest {
  readonly queue: QueueRef
  readonly session: SessionId
  /** Rises with each fetch of the session from this queue, gaps allowed; a repeat gets the same. */
  readonly fetchNumber: number
  readonly messagesMax: number
  /** An aim: a message counts as its frame's mean, a larger one comes alone. Answers fit. */
  readonly bytesMax: number
  /** How long to wait for messages while there are none, milliseconds; 0: answer at once. */
  readonly waitMs: number
  readonly settles: readonly Settle[]
}

/** Messages of one frame that share attempt and counts; `frame` holds just these messages. */
export interface DeliveredRun {
  readonly epoch: Epoch
  readonly attempt: number
  readonly failed: number
  readonly returned: number
  /** It may have been delivered before. */
  readonly redelivered: boolean
  readonly first: Sequence
  readonly last: Sequence
  /** Bit i set: message `first + i` is in the run. Absent: all of first..last are. */
  readonly selection?: Uint8Array
  readonly frame: Uint8Array
}

/** For each settle, in order, the ranges refused with LeaseLost; empty when all were accepted. */
export type SettleAnswer = readonly (readonly Sequence[])[]

export interface FetchCall {
  /** When the settles of the request are durable; does not wait for messages. */
  readonly settled: Promise<SettleAnswer>
  /** Messages, or none when the wait is over. */
  readonly delivered: Promise<readonly DeliveredRun[]>
  /** Ends the wait; messages that were leased meanwhile stay leased to the session. */
  readonly cancel: () => void
}

export interface SettleRequest {
  readonly queue: QueueRef
  readonly session: SessionId
  readonly settles: readonly Settle[]
}

export interface ExtendRequest {
  readonly queue: QueueRef
  readonly session: SessionId
  readonly epoch: Epoch
  /** Pairs `first, last`, ascending. */
  readonly ranges: readonly Sequence[]
  /** Absent: the queue's lease. */
  readonly leaseMs?: number
}

export interface Broker {
  readonly publish: (request: PublishRequest) => Promise<PublishAnswer>
  readonly fetch: (request: FetchRequest) => FetchCall
  readonly settle: (request: SettleRequest) => Promise<SettleAnswer>
  /** The ranges that are no longer leased to the session. */
  readonly extend: (request: ExtendRequest) => Promise<readonly Sequence[]>
  /** Opens the session or renews its lease; any request that names it renews it too. */
  readonly openSession: (session: SessionId, leaseMs: number) => Promise<void>
  /** Returns what the session holds, at once. */
  readonly closeSession: (session: SessionId) => Promise<void>
}
