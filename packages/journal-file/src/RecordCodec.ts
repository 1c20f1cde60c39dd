/**
 * Owns: the bytes of a record and of a frame. Little-endian throughout; u64 is two u32, low first.
 *
 *   record: header 64 | events | frame table (bytes u32, crc u32 each) | frames
 *   header: 0 magic "SKR1" | 4 crc | 8 crc of the shard's previous record | 12 version u16
 *           14 shard u16 | 16 record bytes u32 | 20 events bytes u32 | 24 frames u32 | 28 zero
 *           32 epoch u64 | 40 record number u64 | 48 journalMs f64 | 56 zero
 *   frame:  0 crc | 4 bytes u32 | 8 generation u64 | 16 first sequence u64 | 24 the bytes
 *
 * A record's crc covers its bytes from 8 to the end of the frame table, and so every frame by the
 * frame's crc, which covers the frame's bytes from 4 on. Bodies are hashed once.
 */
import { crc32 } from "node:zlib"
import type { FrameKey, FrameToStore, ShardRecord } from "@skein/journal"
import type { Epoch, Shard } from "@skein/model"

export const recordHeaderBytes = 64
export const frameHeaderBytes = 24
export const frameEntryBytes = 8
const recordMagic = 0x3152_4b53
const recordVersion = 1

export const writeU64 = (into: Buffer, value: number, at: number): void => {
  into.writeUInt32LE(value % 0x1_0000_0000, at)
  into.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4)
}
export const readU64 = (from: Buffer, at: number): number =>
  from.readUInt32LE(at) + from.readUInt32LE(at + 4) * 0x1_0000_0000

export interface RecordHead {
  readonly crc: number
  readonly previousCrc: number
  readonly shard: Shard
  readonly epoch: Epoch
  readonly recordNumber: number
  readonly journalMs: number
  readonly recordBytes: number
  readonly eventsBytes: number
  readonly frames: number
}

/** All bytes that `record` takes. */
export const recordBytesOf = (record: ShardRecord): number => {
  let bytes = recordHeaderBytes + record.events.length
  for (const frame of record.frames) {
    bytes += frameEntryBytes + frameHeaderBytes + frame.bytes.length
  }
  return bytes
}

/** Writes a frame's header at `at`; answers its crc. */
export const writeFrameHeader = (into: Buffer, at: number, frame: FrameToStore): number => {
  into.writeUInt32LE(frame.bytes.length, at + 4)
  writeU64(into, frame.generation, at + 8)
  writeU64(into, frame.first, at + 16)
  const crc = crc32(frame.bytes, crc32(into.subarray(at + 4, at + frameHeaderBytes)))
  into.writeUInt32LE(crc, at)
  return crc
}

export interface FrameHead extends FrameKey {
  readonly crc: number
  readonly bytes: number
}

export const readFrameHeader = (from: Buffer, at: number): FrameHead => ({
  crc: from.readUInt32LE(at),
  bytes: from.readUInt32LE(at + 4),
  generation: readU64(from, at + 8),
  first: readU64(from, at + 16),
})

/** Whether the whole frame (header and body) at `at` is what its crc says. */
export const frameIsIntact = (from: Buffer, at: number): boolean => {
  if (at + frameHeaderBytes > from.length) return false
  const end = at + frameHeaderBytes + from.readUInt32LE(at + 4)
  return end <= from.length && crc32(from.subarray(at + 4, end)) === from.readUInt32LE(at)
}

/** Writes all of a record's header but its crc, which needs the frame table. */
export const writeRecordHeader = (
  into: Buffer,
  at: number,
  head: Omit<RecordHead, "crc">,
): void => {
  into.writeUInt32LE(recordMagic, at)
  into.writeUInt32LE(head.previousCrc, at + 8)
  into.writeUInt16LE(recordVersion, at + 12)
  into.writeUInt16LE(head.shard, at + 14)
  into.writeUInt32LE(head.recordBytes, at + 16)
  into.writeUInt32LE(head.eventsBytes, at + 20)
  into.writeUInt32LE(head.frames, at + 24)
  into.writeUInt32LE(0, at + 28)
  writeU64(into, head.epoch, at + 32)
  writeU64(into, head.recordNumber, at + 40)
  into.writeDoubleLE(head.journalMs, at + 48)
  writeU64(into, 0, at + 56)
}

export const recordTableEnd = (head: RecordHead): number =>
  recordHeaderBytes + head.eventsBytes + head.frames * frameEntryBytes

/** The header of the record that fills `record`, or `undefined` when the record is damaged. */
export const readRecord = (record: Buffer): RecordHead | undefined => {
  if (record.length < recordHeaderBytes) return undefined
  if (record.readUInt32LE(0) !== recordMagic) return undefined
  if (record.readUInt16LE(12) !== recordVersion) return undefined
  const head: RecordHead = {
    crc: record.readUInt32LE(4),
    previousCrc: record.readUInt32LE(8),
    shard: record.readUInt16LE(14),
    recordBytes: record.readUInt32LE(16),
    eventsBytes: record.readUInt32LE(20),
    frames: record.readUInt32LE(24),
    epoch: readU64(record, 32),
    recordNumber: readU64(record, 40),
    journalMs: record.readDoubleLE(48),
  }
  const tableEnd = recordTableEnd(head)
  if (head.recordBytes !== record.length || tableEnd > record.length) return undefined
  if (crc32(record.subarray(8, tableEnd)) !== head.crc) return undefined
  return framesAreIntact(record, head) ? head : undefined
}

/** Offsets of the frames in an intact record, in order. */
export const frameOffsets = (record: Buffer, head: RecordHead): number[] => {
  const offsets: number[] = []
  let at = recordTableEnd(head)
  for (let frame = 0; frame < head.frames; frame++) {
    offsets.push(at)
    at += frameHeaderBytes + record.readUInt32LE(at + 4)
  }
  return offsets
}

const framesAreIntact = (record: Buffer, head: RecordHead): boolean => {
  let entry = recordHeaderBytes + head.eventsBytes
  let at = recordTableEnd(head)
  for (let frame = 0; frame < head.frames; frame++) {
    const bytes = record.readUInt32LE(entry)
    const end = at + frameHeaderBytes + bytes
    if (end > record.length || record.readUInt32LE(at + 4) !== bytes) return false
    if (record.readUInt32LE(at) !== record.readUInt32LE(entry + 4)) return false
    if (!frameIsIntact(record, at)) return false
    entry += frameEntryBytes
    at = end
  }
  return at === record.length
}
