/**
 * Owns: what one entry of a batch says, without the bodies: a record, a seal, or how far each shard
 * was.
 */
import { crc32 } from "node:zlib"
import type { Epoch, Shard } from "@skein/model"
import { type BatchEntry, decodeSeal, entryKinds, type Seal } from "./BatchCodec.js"
import type { LogSegmentName } from "./Layout.js"
import {
  frameOffsets,
  type RecordHead,
  readFrameHeader,
  readRecord,
  recordHeaderBytes,
} from "./RecordCodec.js"

export interface ScannedFrame {
  readonly generation: number
  readonly first: number
  readonly bytes: number
  /** Of the frame's header, in the segment. */
  readonly offset: number
}

export interface ScannedRecord {
  readonly kind: "record" | "copy"
  readonly order: number
  readonly epoch: Epoch
  readonly recordNumber: number
  readonly crc: number
  readonly previousCrc: number
  readonly journalMs: number
  readonly events: Buffer
  readonly frames: readonly ScannedFrame[]
  readonly segment: LogSegmentName
  readonly offset: number
  readonly bytes: number
}

export interface ScannedSeal {
  readonly kind: "seal"
  readonly order: number
  readonly seal: Seal
}
export interface ScannedHeads {
  readonly kind: "heads"
  readonly order: number
  readonly bytes: Buffer
}
export type ScanEntry = ScannedRecord | ScannedSeal | ScannedHeads

/** What the log says of one shard. */
export type ShardEntry =
  | ScannedRecord
  | ScannedSeal
  | {
      readonly kind: "evidence"
      readonly order: number
      readonly epoch: Epoch
      readonly recordNumber: number
      readonly crc: number
    }

export interface Damage {
  readonly order: number
  readonly file: string
  readonly offset: number
  readonly length: number
  readonly what: string
  /** Whose records were there; absent when that cannot be told. */
  readonly shards?: readonly Shard[]
}

/** What was behind the last whole record and was never confirmed. */
export interface TornTail {
  readonly file: string
  readonly offset: number
  readonly bytes: ReadonlyMap<Shard, number>
}

/** The entry whose payload `bytes` are, or `undefined` when they are not whole. */
export const readScanEntry = (
  segment: LogSegmentName,
  entry: BatchEntry,
  bytes: Buffer,
  offset: number,
  order: number,
): ScanEntry | undefined => {
  if (bytes.length < entry.bytes) return undefined
  if (entry.kind === entryKinds.record || entry.kind === entryKinds.copy) {
    const head = readRecord(bytes)
    if (head === undefined || head.crc !== entry.crc || head.shard !== entry.shard) {
      return undefined
    }
    const kind = entry.kind === entryKinds.copy ? "copy" : "record"
    return scannedRecord(kind, order, segment, head, bytes, offset)
  }
  if (crc32(bytes) !== entry.crc) return undefined
  if (entry.kind === entryKinds.seal) {
    return { kind: "seal", order, seal: decodeSeal(entry.shard, bytes) }
  }
  return { kind: "heads", order, bytes: Buffer.from(bytes) }
}

/** A record without its bodies; `bytes` are the whole payload, at `offset` in the segment. */
export const scannedRecord = (
  kind: "record" | "copy",
  order: number,
  segment: LogSegmentName,
  head: RecordHead,
  bytes: Buffer,
  offset: number,
): ScannedRecord => ({
  kind,
  order,
  epoch: head.epoch,
  recordNumber: head.recordNumber,
  crc: head.crc,
  previousCrc: head.previousCrc,
  journalMs: head.journalMs,
  events: Buffer.from(bytes.subarray(recordHeaderBytes, recordHeaderBytes + head.eventsBytes)),
  frames: frameOffsets(bytes, head).map((at) => {
    const frame = readFrameHeader(bytes, at)
    const { generation, first } = frame
    return { generation, first, bytes: frame.bytes, offset: offset + at }
  }),
  segment,
  offset,
  bytes: bytes.length,
})
