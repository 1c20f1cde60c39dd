/**
 * Owns: building one batch in memory. Small pieces are gathered into scratch chunks that are used
 * again for the next batch, large bodies are passed on as they are: one writev, few parts.
 */
import { crc32 } from "node:zlib"
import type { ShardRecord } from "@skein/journal"
import type { Epoch, Shard } from "@skein/model"
import type { BatchEntry, EntryKind } from "./BatchCodec.js"
import { batchEntryBytes, batchHeaderBytes, entryKinds, writeBatchHeader } from "./BatchCodec.js"
import { align } from "./Layout.js"
import {
  frameEntryBytes,
  frameHeaderBytes,
  recordBytesOf,
  recordHeaderBytes,
  writeFrameHeader,
  writeRecordHeader,
} from "./RecordCodec.js"

const chunkBytes = 256 * 1024
/** Copying costs less than another part of the writev up to here. */
const copyBytesMax = 4096

export interface RecordPlace {
  readonly crc: number
  /** Offsets of the frames, relative to the begin of the batch's payloads. */
  readonly frames: readonly number[]
}

export class BatchWriter {
  #chunks: Buffer[] = [Buffer.allocUnsafeSlow(chunkBytes)]
  #chunk = 0
  #used = 0
  #runStart = 0
  #parts: Uint8Array[] = []
  #entries: BatchEntry[] = []
  #payloadBytes = 0

  get entries(): number {
    return this.#entries.length
  }

  /** Bytes of the batch if it ended now with so many more entries and payload bytes. */
  bytesWith(entries: number, payloadBytes: number): number {
    const contents = (this.#entries.length + entries) * batchEntryBytes
    return align(batchHeaderBytes + contents + this.#payloadBytes + payloadBytes)
  }

  record(
    shard: Shard,
    epoch: Epoch,
    recordNumber: number,
    previousCrc: number,
    record: ShardRecord,
  ): RecordPlace {
    const tableBytes = record.frames.length * frameEntryBytes
    const gathers = record.events.length <= copyBytesMax
    const head = this.#room(recordHeaderBytes + (gathers ? record.events.length + tableBytes : 0))
    const recordBytes = recordBytesOf(record)
    writeRecordHeader(head, 0, {
      previousCrc,
      shard,
      epoch,
      recordNumber,
      journalMs: record.journalMs,
      recordBytes,
      eventsBytes: record.events.length,
      frames: record.frames.length,
    })
    let table = head
    let tableAt = recordHeaderBytes + record.events.length
    if (gathers) head.set(record.events, recordHeaderBytes)
    else {
      this.#pass(record.events)
      table = this.#room(tableBytes)
      tableAt = 0
    }
    const placed = this.#frames(record, table, tableAt)
    let crc = crc32(gathers ? head.subarray(8) : head.subarray(8, recordHeaderBytes))
    if (!gathers) crc = crc32(table, crc32(record.events, crc))
    head.writeUInt32LE(crc, 4)
    this.#entries.push({ shard, kind: entryKinds.record, bytes: recordBytes, crc })
    const framesAt = this.#payloadBytes + recordHeaderBytes + record.events.length + tableBytes
    this.#payloadBytes += recordBytes
    return { crc, frames: placed.map((offset) => framesAt + offset) }
  }

  /** A payload whose bytes are ready. */
  payload(shard: Shard, kind: EntryKind, bytes: Uint8Array, crc: number): number {
    const at = this.#payloadBytes
    this.#add(bytes)
    this.#entries.push({ shard, kind, bytes: bytes.length, crc })
    this.#payloadBytes += bytes.length
    return at
  }

  /** Where payloads begin in the finished batch. */
  get payloadStart(): number {
    return batchHeaderBytes + this.#entries.length * batchEntryBytes
  }

  /** The parts to write at `offset`; the writer must not be touched until they are written. */
  finish(salt: number, offset: number, commitNumber: number, wallMs: number): Uint8Array[] {
    this.#closeRun()
    const bytes = this.bytesWith(0, 0)
    const head = Buffer.allocUnsafe(this.payloadStart)
    writeBatchHeader(head, salt, offset, { bytes, commitNumber, wallMs, entries: this.#entries })
    const parts: Uint8Array[] = [head, ...this.#parts]
    const padding = bytes - this.payloadStart - this.#payloadBytes
    if (padding > 0) parts.push(zeros.subarray(0, padding))
    return parts
  }

  /** Forgets what was built; keeps a bounded amount of scratch memory. */
  clear(): void {
    this.#chunks = this.#chunks.filter((chunk) => chunk.length === chunkBytes).slice(0, 8)
    if (this.#chunks.length === 0) this.#chunks.push(Buffer.allocUnsafeSlow(chunkBytes))
    this.#chunk = 0
    this.#used = 0
    this.#runStart = 0
    this.#parts = []
    this.#entries = []
    this.#payloadBytes = 0
  }

  #frames(record: ShardRecord, table: Buffer, tableAt: number): number[] {
    const offsets: number[] = []
    let offset = 0
    let entry = tableAt
    for (const frame of record.frames) {
      const head = this.#room(frameHeaderBytes)
      const crc = writeFrameHeader(head, 0, frame)
      this.#add(frame.bytes)
      table.writeUInt32LE(frame.bytes.length, entry)
      table.writeUInt32LE(crc, entry + 4)
      entry += frameEntryBytes
      offsets.push(offset)
      offset += frameHeaderBytes + frame.bytes.length
    }
    return offsets
  }

  #add(bytes: Uint8Array): void {
    if (bytes.length > copyBytesMax) this.#pass(bytes)
    else if (bytes.length > 0) this.#room(bytes.length).set(bytes, 0)
  }

  #pass(bytes: Uint8Array): void {
    this.#closeRun()
    this.#parts.push(bytes)
  }

  /** `bytes` of scratch that follow what was written last. */
  #room(bytes: number): Buffer {
    if (this.#used + bytes > this.#chunks[this.#chunk].length) this.#nextChunk(bytes)
    const room = this.#chunks[this.#chunk].subarray(this.#used, this.#used + bytes)
    this.#used += bytes
    return room
  }

  #nextChunk(bytes: number): void {
    this.#closeRun()
    this.#chunk++
    const fits = (this.#chunks[this.#chunk]?.length ?? 0) >= bytes
    if (!fits) {
      const fresh = Buffer.allocUnsafeSlow(Math.max(chunkBytes, bytes))
      this.#chunks.splice(this.#chunk, 0, fresh)
    }
    this.#used = 0
    this.#runStart = 0
  }

  #closeRun(): void {
    if (this.#used > this.#runStart) {
      this.#parts.push(this.#chunks[this.#chunk].subarray(this.#runStart, this.#used))
    }
    this.#runStart = this.#used
  }
}

const zeros = new Uint8Array(64)
