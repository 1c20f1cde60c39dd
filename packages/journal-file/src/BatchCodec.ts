/**
 * Owns: the bytes of a batch: what one commit writes into one segment of the log.
 *
 *   batch:  header 48 | contents (16 each) | payloads in that order | zeros to a multiple of 16
 *   header: 0 magic "SKB1" | 4 crc | 8 batch bytes u32 | 12 entries u32 | 16 own offset u32
 *           20 zero | 24 commit number u64 | 32 wall ms f64 | 40 zero
 *   entry:  0 shard u16 | 2 kind u16 | 4 payload bytes u32 | 8 payload crc | 12 zero
 *
 * The header's crc covers header and contents from 8 on and is seeded by the segment's salt. That a
 * batch begins at offset P says that everything before P was durable when it was written: commits
 * do not overlap. So the contents also tell which shards a damaged payload belonged to.
 */
import { crc32 } from "node:zlib"
import type { Epoch, InstanceId, Shard } from "@skein/model"
import { readU64, writeU64 } from "./RecordCodec.js"

export const batchHeaderBytes = 48
export const batchEntryBytes = 16
const batchMagic = 0x3142_4b53
/** How a batch begins, for searching. */
export const batchMagicBytes = Buffer.from("SKB1", "latin1")

/** `copy`: a record of a former epoch, written again because it was not known to be durable. */
export const entryKinds = { record: 1, copy: 2, seal: 3, heads: 4, roll: 5 } as const
export type EntryKind = (typeof entryKinds)[keyof typeof entryKinds]

export interface BatchEntry {
  readonly shard: Shard
  readonly kind: EntryKind
  readonly bytes: number
  readonly crc: number
}

export interface BatchHead {
  readonly bytes: number
  readonly commitNumber: number
  readonly wallMs: number
  readonly entries: readonly BatchEntry[]
}

export const writeBatchHeader = (
  into: Buffer,
  salt: number,
  offset: number,
  head: BatchHead,
): void => {
  into.writeUInt32LE(batchMagic, 0)
  into.writeUInt32LE(head.bytes, 8)
  into.writeUInt32LE(head.entries.length, 12)
  into.writeUInt32LE(offset, 16)
  into.writeUInt32LE(0, 20)
  writeU64(into, head.commitNumber, 24)
  into.writeDoubleLE(head.wallMs, 32)
  writeU64(into, 0, 40)
  let at = batchHeaderBytes
  for (const entry of head.entries) {
    into.writeUInt16LE(entry.shard, at)
    into.writeUInt16LE(entry.kind, at + 2)
    into.writeUInt32LE(entry.bytes, at + 4)
    into.writeUInt32LE(entry.crc, at + 8)
    into.writeUInt32LE(0, at + 12)
    at += batchEntryBytes
  }
  into.writeUInt32LE(crc32(into.subarray(8, at), salt), 4)
}

/** Bytes of header and contents that the header at 0 of `from` announces; 0 when it is none. */
export const announcedHeaderBytes = (from: Buffer, offset: number, room: number): number => {
  if (from.length < batchHeaderBytes || from.readUInt32LE(0) !== batchMagic) return 0
  if (from.readUInt32LE(16) !== offset) return 0
  const bytes = batchHeaderBytes + from.readUInt32LE(12) * batchEntryBytes
  return bytes <= from.readUInt32LE(8) && from.readUInt32LE(8) <= room ? bytes : 0
}

/** Bytes of the whole batch that the header at 0 of `from` announces; 0 when it is none. */
export const announcedBatchBytes = (from: Buffer, offset: number, room: number): number =>
  announcedHeaderBytes(from, offset, room) === 0 ? 0 : from.readUInt32LE(8)

/** The batch's header and contents, or `undefined` when `from` does not begin with one. */
export const readBatchHeader = (from: Buffer, salt: number): BatchHead | undefined => {
  const count = from.readUInt32LE(12)
  const end = batchHeaderBytes + count * batchEntryBytes
  if (from.length < end || crc32(from.subarray(8, end), salt) !== from.readUInt32LE(4)) {
    return undefined
  }
  const entries: BatchEntry[] = []
  for (let at = batchHeaderBytes; at < end; at += batchEntryBytes) {
    entries.push({
      shard: from.readUInt16LE(at),
      kind: from.readUInt16LE(at + 2) as EntryKind,
      bytes: from.readUInt32LE(at + 4),
      crc: from.readUInt32LE(at + 8),
    })
  }
  return {
    bytes: from.readUInt32LE(8),
    commitNumber: readU64(from, 24),
    wallMs: from.readDoubleLE(32),
    entries,
  }
}

/**
 * A new owner's statement, made before it serves: the shard's history up to its epoch is exactly
 * `recordNumber` records, the last with this crc. What former owners wrote beyond does not exist.
 */
export interface Seal {
  readonly shard: Shard
  readonly epoch: Epoch
  readonly recordNumber: number
  readonly crc: number
  readonly predecessor: { readonly epoch: Epoch; readonly instance: InstanceId }
}

export const encodeSeal = (seal: Seal): Buffer => {
  const instance = Buffer.from(seal.predecessor.instance, "latin1")
  const bytes = Buffer.alloc(36 + instance.length)
  writeU64(bytes, seal.epoch, 0)
  writeU64(bytes, seal.recordNumber, 8)
  bytes.writeUInt32LE(seal.crc, 16)
  writeU64(bytes, seal.predecessor.epoch, 20)
  bytes.writeUInt32LE(instance.length, 28)
  bytes.writeUInt32LE(0, 32)
  instance.copy(bytes, 36)
  return bytes
}

export const decodeSeal = (shard: Shard, bytes: Buffer): Seal => ({
  shard,
  epoch: readU64(bytes, 0),
  recordNumber: readU64(bytes, 8),
  crc: bytes.readUInt32LE(16),
  predecessor: {
    epoch: readU64(bytes, 20),
    instance: bytes.toString("latin1", 36, 36 + bytes.readUInt32LE(28)),
  },
})

/** Where a shard's records under one epoch stood: evidence against records that went missing. */
export interface Head {
  readonly shard: Shard
  readonly epoch: Epoch
  readonly recordNumber: number
  readonly crc: number
}

const headBytes = 24

export const encodeHeads = (heads: readonly Head[]): Buffer => {
  const bytes = Buffer.alloc(heads.length * headBytes)
  let at = 0
  for (const head of heads) {
    bytes.writeUInt32LE(head.shard, at)
    bytes.writeUInt32LE(head.crc, at + 4)
    writeU64(bytes, head.epoch, at + 8)
    writeU64(bytes, head.recordNumber, at + 16)
    at += headBytes
  }
  return bytes
}

export const decodeHeads = (bytes: Buffer): Head[] => {
  const heads: Head[] = []
  for (let at = 0; at + headBytes <= bytes.length; at += headBytes) {
    heads.push({
      shard: bytes.readUInt32LE(at),
      crc: bytes.readUInt32LE(at + 4),
      epoch: readU64(bytes, at + 8),
      recordNumber: readU64(bytes, at + 16),
    })
  }
  return heads
}
