/**
 * Owns: taking a frame under the producer contract (DESIGN.md section 6): whole or not at all, and
 * a repeat of one of a producer's last frames gets the stored result. A refusal leaves no trace.
 */
import { invariant, limits, type Now, skeinError } from "@skein/model"
import type { FrameSummary, Publish } from "../Command.js"
import type { Decision, Published } from "../Decision.js"
import type { FramePublished } from "../Event.js"
import type { QueueState } from "../QueueState.js"
import {
  dedupHash,
  dedupIdBytes,
  dedupWords,
  hasDedupId,
  sameDedupId,
} from "../state/DedupWindow.js"
import type { FrameResult } from "../state/Producers.js"
import { done, refuse } from "./decisions.js"

/** An expired id costs room until it is taken out: so many each time, and two for each new one. */
const dedupExpireAtOnce = 256

export const decidePublish = (state: QueueState, command: Publish, now: Now): Decision => {
  const { frame, frameNumber } = command
  invariant(
    frame.count >= 1 && frame.count <= limits.frameMessagesMax,
    "a frame's count is bounded",
  )
  invariant(frame.bytes >= 1 && frame.bytes <= limits.frameBytesMax, "a frame's bytes are bounded")
  invariant(Number.isSafeInteger(frameNumber) && frameNumber >= 1, "frames count from 1")
  const producer = state.producers.find(command.producer, now.journalMs)
  const expected = (producer?.lastFrame ?? 0) + 1
  if (frameNumber < expected) {
    const stored = producer?.result(frameNumber)
    return stored === undefined ? unknownProducer(frameNumber) : published([], stored)
  }
  if (frameNumber > expected) {
    if (producer === undefined) return unknownProducer(frameNumber)
    return refuse(
      skeinError("SequenceGap", `frame ${frameNumber} came, frame ${expected} is expected`, {
        expected,
      }),
    )
  }
  if (producer === undefined && !state.producers.hasRoom(now.journalMs)) {
    return refuse(
      skeinError("ProducersMax", `the queue has ${limits.producersPerQueueMax} producers`, {
        producersPerQueueMax: limits.producersPerQueueMax,
      }),
    )
  }
  return decideFrame(state, command, now)
}

const decideFrame = (state: QueueState, command: Publish, now: Now): Decision => {
  const { frame } = command
  const { policy } = state
  if (frame.bodyBytesLargest > policy.bodyBytesMax) {
    return refuse(
      skeinError("BodyTooLarge", `a body has ${frame.bodyBytesLargest} bytes`, {
        bodyBytesMax: policy.bodyBytesMax,
      }),
    )
  }
  const found =
    policy.dedupWindowMs > 0 ? findDuplicates(state, frame, now.journalMs) : noDuplicates
  const fresh = frame.count - found.count
  const bytes = fresh === 0 ? 0 : frame.bytes
  const total = state.blocks.ready + state.blocks.leased
  if (fresh > 0 && total + fresh > policy.messagesMax) {
    return refuse(
      queueFull(`${fresh} more`, `${total} of at most ${policy.messagesMax} messages`, {
        messagesMax: policy.messagesMax,
      }),
    )
  }
  if (state.blocks.bytes + bytes > policy.bytesMax) {
    return refuse(
      queueFull(
        `${bytes} bytes more`,
        `${state.blocks.bytes} of at most ${policy.bytesMax} bytes of frames`,
        { bytesMax: policy.bytesMax },
      ),
    )
  }
  const after = now.journalMs - policy.dedupWindowMs
  if (
    found.ids > found.count &&
    state.dedup.stored + found.ids - found.count > limits.dedupIdsPerQueueMax &&
    state.dedup.liveCount(after) + found.ids - found.count > limits.dedupIdsPerQueueMax
  ) {
    return refuse(
      skeinError("DedupWindowFull", "the window holds as many dedup ids as it can", {
        dedupIdsPerQueueMax: limits.dedupIdsPerQueueMax,
      }),
    )
  }
  const first = state.next
  invariant(Number.isSafeInteger(first + frame.count), "sequence numbers are used up")
  const event: FramePublished = {
    _tag: "FramePublished",
    journalMs: now.journalMs,
    producer: command.producer,
    frameNumber: command.frameNumber,
    first,
    count: frame.count,
    bytes: frame.bytes,
    ...(found.duplicates === undefined ? {} : { duplicates: found.duplicates }),
    ...(found.ids > 0 && frame.dedup !== undefined ? { dedup: frame.dedup } : {}),
  }
  return published([event], event)
}

/** Names what came too: a frame over the limit does not fit into an empty queue either. */
const queueFull = (came: string, held: string, data: Readonly<Record<string, number>>) =>
  skeinError("QueueFull", `no room for ${came}: the queue holds ${held}`, data)

export const evolvePublished = (state: QueueState, event: FramePublished): void => {
  const { first, count, duplicates } = event
  invariant(first === state.next, "a frame's first sequence is not the next one")
  const result: FrameResult = {
    first,
    count,
    // A copy: the event may be a view of a whole record.
    ...(duplicates === undefined ? {} : { duplicates: Uint8Array.from(duplicates) }),
  }
  state.producers.accept(event.producer, event.frameNumber, event.journalMs, result)
  if (event.dedup !== undefined || state.dedup.stored > 0) rememberIds(state, event)
  state.next = first + count
  const repeated = duplicates === undefined ? 0 : countBits(duplicates)
  state.counters.published += count - repeated
  state.counters.duplicates += repeated
  if (repeated < count) {
    state.blocks.addFrame(first, count, count - repeated, event.bytes)
    if (duplicates === undefined)
      state.blocks.addMessages(first, first + count - 1, event.journalMs)
    else addFresh(state, event, duplicates)
  }
  state.blocks.sweep(first, first + count - 1, state.next)
}

const rememberIds = (state: QueueState, event: FramePublished): void => {
  const { dedup, duplicates, journalMs } = event
  const untilMs = journalMs - state.policy.dedupWindowMs
  state.dedup.expire(untilMs, dedupExpireAtOnce + event.count * 2)
  if (dedup === undefined) return
  const ids = dedupWords(dedup)
  for (let at = 0; at < event.count; at++) {
    if (!hasDedupId(ids, at * 4)) continue
    if (duplicates !== undefined && hasBit(duplicates, at)) continue
    state.dedup.add(ids, at * 4, journalMs)
  }
}

const addFresh = (state: QueueState, event: FramePublished, duplicates: Uint8Array): void => {
  for (let at = 0; at < event.count; ) {
    if (hasBit(duplicates, at)) {
      at++
      continue
    }
    let end = at
    while (end + 1 < event.count && !hasBit(duplicates, end + 1)) end++
    state.blocks.addMessages(event.first + at, event.first + end, event.journalMs)
    at = end + 1
  }
}

interface Found {
  /** Messages with an id. */
  readonly ids: number
  /** Messages whose id came before, in the window or in this frame. */
  readonly count: number
  readonly duplicates?: Uint8Array
}

const noDuplicates: Found = { ids: 0, count: 0 }

const findDuplicates = (state: QueueState, frame: FrameSummary, journalMs: number): Found => {
  if (frame.dedup === undefined) return noDuplicates
  invariant(frame.dedup.length === frame.count * dedupIdBytes, "a dedup id has 16 bytes")
  const ids = dedupWords(frame.dedup)
  const inFrame = new FrameIds(ids, frame.count)
  const after = journalMs - state.policy.dedupWindowMs
  let withId = 0
  let count = 0
  let duplicates: Uint8Array | undefined
  for (let at = 0; at < frame.count; at++) {
    if (!hasDedupId(ids, at * 4)) continue
    withId++
    if (state.dedup.lastSeen(ids, at * 4) <= after && inFrame.add(at)) continue
    duplicates ??= new Uint8Array((frame.count + 7) >>> 3)
    duplicates[at >>> 3] |= 1 << (at & 7)
    count++
  }
  return duplicates === undefined ? { ids: withId, count } : { ids: withId, count, duplicates }
}

/** The ids of one frame, by open addressing over their positions. */
class FrameIds {
  private readonly places: Uint16Array
  constructor(
    private readonly ids: Uint32Array,
    count: number,
  ) {
    this.places = new Uint16Array(2 ** Math.ceil(Math.log2(count * 2)))
  }

  /** `false` when the id was added before. */
  add(at: number): boolean {
    const mask = this.places.length - 1
    let place = dedupHash(this.ids, at * 4) & mask
    while (this.places[place] !== 0) {
      if (sameDedupId(this.ids, (this.places[place] - 1) * 4, this.ids, at * 4)) return false
      place = (place + 1) & mask
    }
    this.places[place] = at + 1
    return true
  }
}

const hasBit = (bits: Uint8Array, at: number): boolean => ((bits[at >>> 3] >>> (at & 7)) & 1) === 1

const countBits = (bits: Uint8Array): number => {
  let count = 0
  for (const byte of bits) {
    for (let left = byte; left !== 0; left &= left - 1) count++
  }
  return count
}

const published = (events: readonly FramePublished[], result: FrameResult): Decision => {
  const reply: Published = {
    _tag: "Published",
    first: result.first,
    count: result.count,
    ...(result.duplicates === undefined ? {} : { duplicates: result.duplicates }),
  }
  return { ...done(events), reply }
}

const unknownProducer = (frameNumber: number): Decision =>
  refuse(
    skeinError(
      "ProducerUnknown",
      `frame ${frameNumber} of a producer that is not known (any more)`,
    ),
  )
