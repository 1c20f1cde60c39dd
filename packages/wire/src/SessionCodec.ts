/**
 * Owns: extend, extended, openSession, closeSession.
 *
 * extend        queue, session 16 bytes, u64 epoch, u32 leaseMs (0: the queue's lease),
 *               u32 number of ranges, then of each range u64 first, u64 last
 * extended      u32 number of ranges that are no longer leased, then of each u64 first, u64 last
 * openSession   session 16 bytes, u32 leaseMs
 * closeSession  session 16 bytes
 */
import { limits, type Sequence, type SessionId } from "@skein/model"
import type { ExtendRequest } from "./Broker.js"
import { ByteReader } from "./Bytes.js"
import { type Decoded, malformed, outOfBounds } from "./Decoded.js"
import { beginEnvelope, type Parts } from "./Envelope.js"
import { queueRefBytes, readQueueRef, writeQueueRef } from "./PublishCodec.js"
import { readRanges } from "./SettleCodec.js"

export const encodeExtend = (correlation: number, request: ExtendRequest): Parts => {
  const { queue, session, epoch, ranges, leaseMs } = request
  const bytes = queueRefBytes + 16 + 8 + 4 + 4 + 8 * ranges.length
  const writer = beginEnvelope("extend", correlation, bytes)
  writeQueueRef(writer, queue).hex128(session).u53(epoch)
  writer.u32(leaseMs ?? 0).u32(ranges.length / 2)
  for (let i = 0; i < ranges.length; i++) writer.u53(ranges[i])
  return [writer.done()]
}

export const decodeExtend = (payload: Uint8Array): Decoded<ExtendRequest> => {
  const reader = new ByteReader(payload)
  const queue = readQueueRef(reader)
  const session = reader.hex128()
  const epoch = reader.u53()
  const leaseMs = reader.u32()
  const rangeCount = reader.u32()
  const ranges = readRanges(reader, rangeCount)
  if (ranges === undefined || !reader.ended) return malformed("extend")
  if (rangeCount > limits.settleRangesMax) {
    return outOfBounds("settleRangesMax", rangeCount, limits.settleRangesMax)
  }
  if (leaseMs === 0) return { queue, session, epoch, ranges }
  const problem = leaseProblem(leaseMs)
  return problem ?? { queue, session, epoch, ranges, leaseMs }
}

export const encodeExtended = (correlation: number, lost: readonly Sequence[]): Parts => {
  const writer = beginEnvelope("extended", correlation, 4 + 8 * lost.length).u32(lost.length / 2)
  for (let i = 0; i < lost.length; i++) writer.u53(lost[i])
  return [writer.done()]
}

export const decodeExtended = (payload: Uint8Array): Decoded<readonly Sequence[]> => {
  const reader = new ByteReader(payload)
  const lost = readRanges(reader, reader.u32())
  return lost === undefined || !reader.ended ? malformed("extended") : lost
}

export interface OpenSession {
  readonly session: SessionId
  readonly leaseMs: number
}

export const encodeOpenSession = (correlation: number, request: OpenSession): Parts => [
  beginEnvelope("openSession", correlation, 20).hex128(request.session).u32(request.leaseMs).done(),
]

export const decodeOpenSession = (payload: Uint8Array): Decoded<OpenSession> => {
  const reader = new ByteReader(payload)
  const session = reader.hex128()
  const leaseMs = reader.u32()
  if (!reader.ended) return malformed("openSession")
  return leaseProblem(leaseMs) ?? { session, leaseMs }
}

export const encodeCloseSession = (correlation: number, session: SessionId): Parts => [
  beginEnvelope("closeSession", correlation, 16).hex128(session).done(),
]

export const decodeCloseSession = (payload: Uint8Array): Decoded<{ session: SessionId }> => {
  const reader = new ByteReader(payload)
  const session = reader.hex128()
  return reader.ended ? { session } : malformed("closeSession")
}

const leaseProblem = (leaseMs: number) =>
  leaseMs < limits.leaseMinMs || leaseMs > limits.leaseMaxMs
    ? outOfBounds("leaseMaxMs", leaseMs, limits.leaseMaxMs)
    : undefined
