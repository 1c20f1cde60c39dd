/**
 * Owns: settles and their answer, alone and as part of a fetch.
 *
 * settles    u32 number of settles, then of each: u8 outcome (0 ack, 1 return, 2 fail, 3 reject),
 *            u64 epoch, u32 attempt, u32 number of ranges, then of each range u64 first, u64 last
 * settle     queue, session 16 bytes, settles
 * settled    u32 number of settles (0: all accepted), then of each: u32 number of refused ranges,
 *            then of each range u64 first, u64 last
 */
import { limits, outcomes, type Sequence, SkeinError } from "@skein/model"
import type { SettleAnswer, SettleRequest } from "./Broker.js"
import { ByteReader, type ByteWriter } from "./Bytes.js"
import { type Decoded, malformed, outOfBounds } from "./Decoded.js"
import { beginEnvelope, type Parts } from "./Envelope.js"
import { queueRefBytes, readQueueRef, writeQueueRef } from "./PublishCodec.js"
import type { Settle } from "./Settle.js"

const settleHeadBytes = 1 + 8 + 4 + 4
const rangeBytes = 16

export const settlesBytes = (settles: readonly Settle[]): number => {
  let bytes = 4
  for (const settle of settles) bytes += settleHeadBytes + 8 * settle.ranges.length
  return bytes
}

export const writeSettles = (writer: ByteWriter, settles: readonly Settle[]): ByteWriter => {
  writer.u32(settles.length)
  for (const { outcome, epoch, attempt, ranges } of settles) {
    writer
      .u8(outcomes.indexOf(outcome))
      .u53(epoch)
      .u32(attempt)
      .u32(ranges.length / 2)
    for (let i = 0; i < ranges.length; i++) writer.u53(ranges[i])
  }
  return writer
}

/** `undefined`: malformed (also set on the reader). LimitExceeded: too many settles or ranges. */
export const readSettles = (reader: ByteReader): Settle[] | SkeinError | undefined => {
  const count = reader.u32()
  if (count * settleHeadBytes > reader.remaining) return undefined
  if (count > limits.settlesPerRequestMax) {
    return outOfBounds("settlesPerRequestMax", count, limits.settlesPerRequestMax)
  }
  const settles: Settle[] = []
  let rangesTotal = 0
  for (let i = 0; i < count; i++) {
    const outcome = outcomes[reader.u8()]
    const epoch = reader.u53()
    const attempt = reader.u32()
    const rangeCount = reader.u32()
    const ranges = readRanges(reader, rangeCount)
    if (outcome === undefined || ranges === undefined) return undefined
    rangesTotal += rangeCount
    settles.push({ outcome, epoch, attempt, ranges })
  }
  if (reader.bad) return undefined
  return rangesTotal > limits.settleRangesMax
    ? outOfBounds("settleRangesMax", rangesTotal, limits.settleRangesMax)
    : settles
}

/** Pairs `first, last`, from 1, ascending and not overlapping; `undefined` if they are not. */
export const readRanges = (reader: ByteReader, count: number): Sequence[] | undefined => {
  if (count * rangeBytes > reader.remaining) return undefined
  const ranges: Sequence[] = []
  let before = 0
  for (let i = 0; i < count; i++) {
    const first = reader.u53()
    const last = reader.u53()
    if (first <= before || last < first) return undefined
    ranges.push(first, last)
    before = last
  }
  return reader.bad ? undefined : ranges
}

export const encodeSettle = (correlation: number, request: SettleRequest): Parts => {
  const bytes = queueRefBytes + 16 + settlesBytes(request.settles)
  const writer = beginEnvelope("settle", correlation, bytes)
  writeQueueRef(writer, request.queue).hex128(request.session)
  return [writeSettles(writer, request.settles).done()]
}

export const decodeSettle = (payload: Uint8Array): Decoded<SettleRequest> => {
  const reader = new ByteReader(payload)
  const queue = readQueueRef(reader)
  const session = reader.hex128()
  const settles = readSettles(reader)
  if (settles instanceof SkeinError) return settles
  if (settles === undefined || !reader.ended) return malformed("settle")
  return { queue, session, settles }
}

export const encodeSettled = (correlation: number, answer: SettleAnswer): Parts => {
  let bytes = 4
  for (const refused of answer) bytes += 4 + 8 * refused.length
  const writer = beginEnvelope("settled", correlation, bytes).u32(answer.length)
  for (const refused of answer) {
    writer.u32(refused.length / 2)
    for (let i = 0; i < refused.length; i++) writer.u53(refused[i])
  }
  return [writer.done()]
}

export const decodeSettled = (payload: Uint8Array): Decoded<SettleAnswer> => {
  const reader = new ByteReader(payload)
  const count = reader.u32()
  if (count * 4 > reader.remaining) return malformed("settled")
  const answer: Sequence[][] = []
  for (let i = 0; i < count; i++) {
    const refused = readRanges(reader, reader.u32())
    if (refused === undefined) return malformed("settled")
    answer.push(refused)
  }
  return reader.ended ? answer : malformed("settled")
}
