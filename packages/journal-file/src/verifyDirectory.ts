/**
 * Owns: `skein journal verify`: every byte that a recovery or a delivery could need is read and
 * checked, nothing is written. Each finding names the file and the offset.
 */
import { resolve } from "node:path"
import type { Disk } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Shard } from "@skein/model"
import { isSkeinError, skeinError } from "@skein/model"
import { type Fabric, readFabric } from "./FabricFile.js"
import { fileDisk } from "./FileDisk.js"
import { fileKey, refPath, type StoredFile } from "./FileTable.js"
import { FileWindow } from "./FileWindow.js"
import { describeDamage } from "./History.js"
import { isInstanceId, type Paths, paths as pathsOf } from "./Layout.js"
import { LogScan } from "./LogScan.js"
import { frameHeaderBytes, frameIsIntact } from "./RecordCodec.js"
import { DirectoryReader } from "./ShardReading.js"

/** What was found of one shard. */
export interface VerifiedShard {
  readonly kind: "shard"
  readonly shard: Shard
  readonly epoch: number
  readonly checkpointRecord: number
  /** The last record, and how many of them lie behind the checkpoint. */
  readonly recordNumber: number
  readonly records: number
  readonly chunks: number
  readonly tornBytes: number
  /** Empty: the shard would open, and every frame in its segments can be read. */
  readonly problems: readonly string[]
}

/** What was found of one process's log. A torn tail is no damage: it was never confirmed. */
export interface VerifiedLog {
  readonly kind: "log"
  readonly instance: string
  readonly damages: readonly string[]
  readonly torn: string | undefined
}

export type Verified =
  | { readonly kind: "fabric"; readonly fabric: Fabric }
  | VerifiedShard
  | VerifiedLog

/** Yields the fabric, then each log, then each shard. DirectoryForeign when it is no fabric. */
export async function* verifyDirectory(
  dir: string,
  disk: Disk = fileDisk(),
): AsyncGenerator<Verified> {
  const paths = pathsOf(resolve(dir))
  const fabric = await requireFabric(disk, paths)
  yield { kind: "fabric", fabric }
  for (const instance of await listLogs(disk, paths)) {
    if (instance === undefined) yield missingLogs(paths)
    else if (isInstanceId(instance)) yield await verifyLog(disk, paths, instance)
  }
  const reader = new DirectoryReader(disk, paths)
  try {
    for (let shard = 0; shard < fabric.shards; shard++) {
      yield await verifyShard(disk, paths, reader, shard)
    }
  } finally {
    reader.close()
  }
}

/** The fabric of a directory, or DirectoryForeign: looking does not make one. */
export const requireFabric = async (disk: Disk, paths: Paths): Promise<Fabric> => {
  const fabric = await readFabric(disk, paths)
  if (fabric !== undefined) return fabric
  const what = disk.existsSync(paths.dir) ? "holds no fabric" : "is missing: there is no such path"
  throw skeinError("DirectoryForeign", `${paths.dir} ${what}`)
}

/** `undefined` stands for the directory itself, which every fabric that was opened has. */
const listLogs = async (disk: Disk, paths: Paths): Promise<readonly (string | undefined)[]> => {
  try {
    return await disk.list(paths.logs)
  } catch (error) {
    if (isMissing(error)) return [undefined]
    throw error
  }
}

const missingLogs = (paths: Paths): VerifiedLog => ({
  kind: "log",
  instance: "",
  damages: [`${paths.logs} is missing`],
  torn: undefined,
})

const verifyLog = async (disk: Disk, paths: Paths, instance: string): Promise<VerifiedLog> => {
  const scan = new LogScan(disk, paths, instance)
  await scan.extend()
  const { torn, damages } = scan
  const bytes = torn === undefined ? 0 : [...torn.bytes.values()].reduce((sum, of) => sum + of, 0)
  return {
    kind: "log",
    instance,
    damages: damages.map(describeDamage),
    torn: torn === undefined ? undefined : `${torn.file} at ${torn.offset}: ${bytes} bytes torn`,
  }
}

const verifyShard = async (
  disk: Disk,
  paths: Paths,
  reader: DirectoryReader,
  shard: Shard,
): Promise<VerifiedShard> => {
  const problems: string[] = []
  const none = { epoch: 0, checkpointRecord: 0, recordNumber: 0, records: 0, tornBytes: 0 }
  let found = none
  let chunks = 0
  try {
    const read = await reader.read(shard)
    const { epoch, recordNumber, tornBytes, records, checkpoint, passedOver } = read
    problems.push(...passedOver.map(({ detail }) => detail))
    const checkpointRecord = checkpoint.recordNumber
    found = { epoch, checkpointRecord, recordNumber, records: records.length, tornBytes }
    for await (const _chunk of checkpoint.chunks) chunks++
    for (const file of read.files) problems.push(...(await verifyFile(disk, paths, shard, file)))
  } catch (error) {
    if (!isSkeinError(error)) throw error
    problems.push(error.detail)
  }
  return { kind: "shard", shard, ...found, chunks, problems }
}

/** A file that the checkpoint points into: it is there, and a segment's frames are whole. */
const verifyFile = async (
  disk: Disk,
  paths: Paths,
  shard: Shard,
  { ref, totalBytes }: StoredFile,
): Promise<string[]> => {
  const path = refPath(paths, shard, ref)
  try {
    const file = await disk.open(path, "read")
    try {
      if (ref.kind === "log") return []
      const size = await file.size()
      const window = new FileWindow(file, size)
      let bodies = 0
      for (let at = 0; at < size; ) {
        const header = await window.read(at, frameHeaderBytes)
        const bytes = header.length < frameHeaderBytes ? 0 : header.readUInt32LE(4)
        const frame = await window.read(at, frameHeaderBytes + bytes)
        // Behind what the checkpoint counts an owner may be writing.
        const counts = bodies < totalBytes
        if (frame.length < frameHeaderBytes + bytes || !frameIsIntact(frame, 0)) {
          return counts ? [`${path} at ${at}: a frame is damaged`] : []
        }
        bodies += bytes
        at += frame.length
      }
      return bodies < totalBytes ? [`${path} at ${size}: ${totalBytes - bodies} bytes missing`] : []
    } finally {
      await file.close()
    }
  } catch (error) {
    if (isMissing(error)) return [`${path} is missing (${fileKey(ref)})`]
    throw error
  }
}
