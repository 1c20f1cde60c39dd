/**
 * Owns: publish and published. The frame is not looked at here: its bytes follow the fixed fields.
 *
 * publish    queue (u32 shard, u64 generation), producer 16 bytes, u64 frame number, frame
 * published  u64 first sequence, u32 count, then nothing or ceil(count / 8) bytes: bit i = message
 * i
 *            repeated a dedup id
 */
import { limits, type QueueRef } from "@skein/model"
import type { PublishAnswer, PublishRequest } from "./Broker.js"
import { ByteReader, type ByteWriter } from "./Bytes.js"
import { type Decoded, malformed } from "./Decoded.js"
import { beginEnvelope, type Parts } from "./Envelope.js"

export const queueRefBytes = 12
const publishBytes = queueRefBytes + 16 + 8

export const writeQueueRef = (writer: ByteWriter, queue: QueueRef): ByteWriter =>
  writer.u32(queue.shard).u53(queue.generation)

export const readQueueRef = (reader: ByteReader): QueueRef => {
  const shard = reader.u32()
  if (shard >= limits.shardsMax) reader.bad = true
  return { shard, generation: reader.u53() }
}

export const encodePublish = (correlation: number, request: PublishRequest): Parts => {
  const { queue, producer, frameNumber, frame } = request
  const writer = beginEnvelope("publish", correlation, publishBytes, frame.length)
  return [writeQueueRef(writer, queue).hex128(producer).u53(frameNumber).done(), frame]
}

export const decodePublish = (payload: Uint8Array): Decoded<PublishRequest> => {
  const reader = new ByteReader(payload)
  const queue = readQueueRef(reader)
  const producer = reader.hex128()
  const frameNumber = reader.u53()
  const frame = reader.rest()
  if (reader.bad || frameNumber === 0) return malformed("publish")
  return { queue, producer, frameNumber, frame }
}

export const encodePublished = (correlation: number, answer: PublishAnswer): Parts => {
  const { first, count, duplicates } = answer
  const bytes = 12 + (duplicates?.length ?? 0)
  const writer = beginEnvelope("published", correlation, bytes).u53(first).u32(count)
  return [(duplicates === undefined ? writer : writer.put(duplicates)).done()]
}

export const decodePublished = (payload: Uint8Array): Decoded<PublishAnswer> => {
  const reader = new ByteReader(payload)
  const first = reader.u53()
  const count = reader.u32()
  const duplicates = reader.rest()
  if (reader.bad || count > limits.frameMessagesMax) return malformed("published")
  if (duplicates.length === 0) return { first, count }
  if (duplicates.length !== Math.ceil(count / 8)) return malformed("published")
  return { first, count, duplicates }
}
