/**
 * Owns: the bytes of one checkpoint file. It is complete from the moment it has its name (temporary
 * name, fsync, rename, directory fsync), so any damage in it is damage, never a torn write.
 *
 *   0 magic "SKC1" | 4 crc of the header | 8 header bytes u32 | 12 zero | 16 header (JSON) | chunks
 */
import { crc32 } from "node:zlib"
import type { Chunk, Disk, DiskFile, ReplayedFrame } from "@skein/journal"
import type { Epoch, Shard } from "@skein/model"
import type { StoredFile } from "./FileTable.js"
import { unfinished } from "./Layout.js"

const magic = 0x3143_4b53
export const checkpointPreambleBytes = 16

/** What stands in a checkpoint file beside its chunks. */
export interface CheckpointHeader {
  readonly version: 1
  readonly shard: Shard
  readonly epoch: Epoch
  readonly number: number
  /** The state after this record… */
  readonly recordNumber: number
  /** …whose crc is this. */
  readonly crc: number
  /** Earlier checkpoint files that this one continues, oldest first, as [epoch, number]. */
  readonly continues: readonly (readonly [Epoch, number])[]
  /** The one with which its epoch began, if any: a former owner's that came late is not it. */
  readonly opened?: readonly [Epoch, number]
  readonly files: readonly StoredFile[]
  /** Where frames lie that the tenant knew without a place when it made the chunks. */
  readonly placements: readonly ReplayedFrame[]
  readonly put: readonly (readonly [key: string, bytes: number, crc: number])[]
  readonly drop: readonly string[]
}

/** Writes a checkpoint under its final name, durably. Chunks are taken one by one. */
export const writeCheckpoint = async (
  disk: Disk,
  path: string,
  header: CheckpointHeader,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<number> => {
  const temporary = `${path}${unfinished}`
  if (disk.existsSync(temporary)) await disk.unlink(temporary)
  const file = await disk.open(temporary, "create")
  let bytes: number
  try {
    bytes = await writeAll(file, header, chunks)
    await file.sync()
    await file.close()
  } catch (error) {
    await file.close().catch(() => {})
    // On a full disk the next attempt needs this room.
    await disk.unlink(temporary).catch(() => {})
    throw error
  }
  await disk.rename(temporary, path)
  await disk.syncDirectory(path.slice(0, path.lastIndexOf("/")))
  return bytes
}

const writeAll = async (
  file: DiskFile,
  header: CheckpointHeader,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<number> => {
  const text = Buffer.from(JSON.stringify(header))
  const preamble = Buffer.alloc(checkpointPreambleBytes)
  preamble.writeUInt32LE(magic, 0)
  preamble.writeUInt32LE(crc32(text), 4)
  preamble.writeUInt32LE(text.length, 8)
  let parts: Uint8Array[] = [preamble, text]
  let waiting = preamble.length + text.length
  let position = 0
  const flush = async () => {
    await file.write(position, parts)
    position += waiting
    parts = []
    waiting = 0
  }
  for await (const chunk of chunks) {
    parts.push(chunk)
    waiting += chunk.length
    if (waiting >= 1024 * 1024) await flush()
  }
  await flush()
  return position
}

/** The header, or `undefined` when the file is damaged. The file's length is checked with it. */
export const readCheckpointHeader = async (
  file: DiskFile,
): Promise<{ readonly header: CheckpointHeader; readonly chunksAt: number } | undefined> => {
  const size = await file.size()
  const preamble = Buffer.from(await file.read(0, checkpointPreambleBytes))
  if (preamble.length < checkpointPreambleBytes) return undefined
  if (preamble.readUInt32LE(0) !== magic || preamble.readUInt32LE(12) !== 0) return undefined
  const length = preamble.readUInt32LE(8)
  if (checkpointPreambleBytes + length > size) return undefined
  const text = await file.read(checkpointPreambleBytes, length)
  if (crc32(text) !== preamble.readUInt32LE(4)) return undefined
  const header = JSON.parse(Buffer.from(text).toString()) as CheckpointHeader
  const chunksAt = checkpointPreambleBytes + length
  let end = chunksAt
  for (const [, bytes] of header.put) end += bytes
  return end === size ? { header, chunksAt } : undefined
}

export const chunkCrc = (chunk: Chunk): number => crc32(chunk.bytes)
