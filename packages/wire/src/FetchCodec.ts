/**
 * Owns: fetch and fetched. A fetch with settles is answered twice: `settled` as soon as they are
 * durable, `fetched` when there are messages or the wait is over.
 *
 * fetch      queue, session 16 bytes, u64 fetch number, u32 messagesMax, u32 bytesMax, u32 waitMs,
 *            settles
 * fetched    u32 number of runs, then of each: u64 epoch, u64 first, u64 last, u32 attempt,
 *            u32 failed, u32 returned, u8 flags (1 redelivered, 2 has a selection), u32 frame
 *            bytes, selection (if its flag is set: ceil((last - first + 1) / 8) bytes), frame
 */
import { limits, SkeinError } from "@skein/model"
import type { DeliveredRun, FetchRequest } from "./Broker.js"
import { ByteReader, ByteWriter } from "./Bytes.js"
import { type Decoded, malformed, outOfBounds } from "./Decoded.js"
import { beginEnvelope, type Parts } from "./Envelope.js"
import { queueRefBytes, readQueueRef, writeQueueRef } from "./PublishCodec.js"
import { readSettles, settlesBytes, writeSettles } from "./SettleCodec.js"

const fetchBytes = queueRefBytes + 16 + 8 + 4 + 4 + 4
const runHeadBytes = 8 + 8 + 8 + 4 + 4 + 4 + 1 + 4
const runFlags = { redelivered: 1, selection: 2 } as const

export const encodeFetch = (correlation: number, request: FetchRequest): Parts => {
  const bytes = fetchBytes + settlesBytes(request.settles)
  const writer = beginEnvelope("fetch", correlation, bytes)
  writeQueueRef(writer, request.queue).hex128(request.session).u53(request.fetchNumber)
  writer.u32(request.messagesMax).u32(request.bytesMax).u32(request.waitMs)
  return [writeSettles(writer, request.settles).done()]
}

export const decodeFetch = (payload: Uint8Array): Decoded<FetchRequest> => {
  const reader = new ByteReader(payload)
  const queue = readQueueRef(reader)
  const session = reader.hex128()
  const fetchNumber = reader.u53()
  const messagesMax = reader.u32()
  const bytesMax = reader.u32()
  const waitMs = reader.u32()
  const settles = readSettles(reader)
  if (settles instanceof SkeinError) return settles
  if (settles === undefined || !reader.ended || fetchNumber === 0) return malformed("fetch")
  if (messagesMax < 1 || messagesMax > limits.fetchMessagesMax) {
    return outOfBounds("fetchMessagesMax", messagesMax, limits.fetchMessagesMax)
  }
  if (bytesMax < 1 || bytesMax > limits.fetchBytesMax) {
    return outOfBounds("fetchBytesMax", bytesMax, limits.fetchBytesMax)
  }
  if (waitMs > limits.fetchWaitMaxMs) {
    return outOfBounds("fetchWaitMaxMs", waitMs, limits.fetchWaitMaxMs)
  }
  return { queue, session, fetchNumber, messagesMax, bytesMax, waitMs, settles }
}

export const encodeFetched = (correlation: number, runs: readonly DeliveredRun[]): Parts => {
  // One small part before each frame; the first of them begins with the envelope's header.
  let tailBytes = 0
  for (let i = 0; i < runs.length; i++) {
    tailBytes += runs[i].frame.length
    if (i > 0) tailBytes += headBytes(runs[i])
  }
  const firstHead = runs.length > 0 ? headBytes(runs[0]) : 0
  const parts: Uint8Array[] = []
  let writer = beginEnvelope("fetched", correlation, 4 + firstHead, tailBytes).u32(runs.length)
  if (runs.length === 0) return [writer.done()]
  for (let i = 0; i < runs.length; i++) {
    const run = runs[i]
    if (i > 0) writer = new ByteWriter(headBytes(run))
    const flags =
      (run.redelivered ? runFlags.redelivered : 0) |
      (run.selection !== undefined ? runFlags.selection : 0)
    writer.u53(run.epoch).u53(run.first).u53(run.last)
    writer.u32(run.attempt).u32(run.failed).u32(run.returned).u8(flags).u32(run.frame.length)
    if (run.selection !== undefined) writer.put(run.selection)
    parts.push(writer.done(), run.frame)
  }
  return parts
}

export const decodeFetched = (payload: Uint8Array): Decoded<readonly DeliveredRun[]> => {
  const reader = new ByteReader(payload)
  const count = reader.u32()
  if (count * runHeadBytes > reader.remaining) return malformed("fetched")
  const runs: DeliveredRun[] = []
  for (let i = 0; i < count; i++) {
    const run = readRun(reader)
    if (run === undefined) return malformed("fetched")
    runs.push(run)
  }
  return reader.ended ? runs : malformed("fetched")
}

const headBytes = (run: DeliveredRun): number => runHeadBytes + (run.selection?.length ?? 0)

const readRun = (reader: ByteReader): DeliveredRun | undefined => {
  const epoch = reader.u53()
  const first = reader.u53()
  const last = reader.u53()
  const attempt = reader.u32()
  const failed = reader.u32()
  const returned = reader.u32()
  const flags = reader.u8()
  const frameBytes = reader.u32()
  const span = last - first + 1
  if (flags > 3 || span < 1 || span > limits.frameMessagesMax) return undefined
  const hasSelection = (flags & runFlags.selection) !== 0
  const selection = hasSelection ? reader.take(Math.ceil(span / 8)) : undefined
  const frame = reader.take(frameBytes)
  if (reader.bad) return undefined
  return {
    epoch,
    attempt,
    failed,
    returned,
    redelivered: (flags & runFlags.redelivered) !== 0,
    first,
    last,
    ...(selection !== undefined && { selection }),
    frame,
  }
}
