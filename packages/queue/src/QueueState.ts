/**
 * Owns: all that is known of one queue. Durable parts (blocks, producers, dedup ids, counters)
 * follow from the journal alone; volatile ones (leases, sessions, waits) live as long as the owner.
 * Must not know: how decisions are made. Only `evolve` and the checkpoint change it.
 */
import {
  defaultQueuePolicy,
  type Epoch,
  type Generation,
  type QueuePolicy,
  type Sequence,
} from "@skein/model"
import type { HandedOver } from "./Event.js"
import { Blocks, type DeadFrame } from "./state/Blocks.js"
import { type Counters, noCounters } from "./state/Counters.js"
import { DedupWindow } from "./state/DedupWindow.js"
import { Lanes } from "./state/Lanes.js"
import { Leases } from "./state/Leases.js"
import { Producers } from "./state/Producers.js"
import { Sessions } from "./state/Sessions.js"
import { Settlers } from "./state/Settlers.js"

const notHandedOver: readonly HandedOver[] = []

/** `absent` until `Created`, `deleted` for ever after `Deleted`. */
export type Life = "absent" | "deleted" | "present"

/** Opaque to callers: read it through `counts`, `digest`, `nextDueMs` and `locate`. */
export class QueueState {
  life: Life = "absent"
  name = ""
  policy: QueuePolicy = defaultQueuePolicy
  epoch: Epoch = 0
  /** Sequence of the next message. */
  next: Sequence = 1
  readonly counters: Counters = noCounters()
  readonly lanes = new Lanes()
  readonly blocks = new Blocks(this.lanes)
  readonly producers = new Producers(this.lanes)
  readonly dedup = new DedupWindow(this.lanes)
  readonly settlers = new Settlers(this.lanes)
  sessions = new Sessions()
  leases = new Leases(this.blocks)
  /** The last events, when they hand the queue over; empty after any other. */
  handedOver: readonly HandedOver[] = notHandedOver
  /** Something durable changed since the last checkpoint. */
  dirty = false
  /** A checkpoint holds its head. */
  saved = false

  constructor(readonly generation: Generation) {}
}

/** A queue of which nothing is known yet. */
export const emptyQueue = (generation: Generation): QueueState => new QueueState(generation)

/** Monotonic milliseconds of the earliest lease expiry or end of a wait; Infinity without any. */
export const nextDueMs = (state: QueueState): number =>
  Math.min(state.leases.due.nextMs, state.sessions.waits.nextMs)

export interface QueueCounts extends Readonly<Counters> {
  readonly ready: number
  readonly leased: number
  /** Always ready + leased. */
  readonly total: number
  /** Bytes of the frames that hold them. */
  readonly bytes: number
  readonly producers: number
  readonly dedupIds: number
  readonly sessions: number
  readonly waits: number
  /** Sequence of the oldest message; 0 when there is none. */
  readonly oldest: Sequence
  /** Journal time at which the oldest message came, or somewhat earlier; 0 when there is none. */
  readonly oldestSinceMs: number
}

export const counts = (state: QueueState): QueueCounts => {
  const oldest = state.blocks.oldest()
  return {
    ...state.counters,
    ready: state.blocks.ready,
    leased: state.blocks.leased,
    total: state.blocks.ready + state.blocks.leased,
    bytes: state.blocks.bytes,
    producers: state.producers.byId.size,
    dedupIds: state.dedup.stored,
    sessions: state.sessions.byId.size,
    waits: state.sessions.waits.size,
    oldest: oldest?.sequence ?? 0,
    oldestSinceMs: oldest?.block.sinceMs ?? 0,
  }
}

export interface FramePlace {
  /** NaN until the journal told. */
  readonly location: number
  readonly bytes: number
  readonly count: number
}

/** The frame that starts at `first`; `undefined` when no message of it is left. */
export const locate = (state: QueueState, first: Sequence): FramePlace | undefined => {
  const frame = state.blocks.frameFrom(first)
  if (frame === undefined) return undefined
  const frames = frame.block.frames
  return {
    location: frames.location(frame.at),
    bytes: frames.bytes(frame.at),
    count: frames.count(frame.at),
  }
}

/**
 * The frame lies at `location` now. `false`: no message of it is left, and `framesDied` will not
 * name this location, so the caller frees it.
 */
export const relocate = (state: QueueState, first: Sequence, location: number): boolean => {
  const frame = state.blocks.frameFrom(first)
  if (frame === undefined) return false
  state.blocks.place(frame, location)
  state.dirty = true
  return true
}

/** Frames whose last message went since the last call, but not those that were never located. */
export const framesDied = (state: QueueState): readonly DeadFrame[] => {
  const dead = state.blocks.dead
  if (dead.length > 0) state.blocks.dead = []
  return dead
}

/** Living frames that still wait for their location. */
export const unlocatedFrames = (state: QueueState): number => state.blocks.unlocated
