/** Owns: `skein journal digest` and `dump`: what a directory holds, without opening it for use. */
import { resolve } from "node:path"
import type { Disk } from "@skein/journal"
import type { Shard } from "@skein/model"
import { fileDisk } from "./FileDisk.js"
import { paths as pathsOf } from "./Layout.js"
import { DirectoryReader, type ReadShard } from "./ShardReading.js"
import { requireFabric } from "./verifyDirectory.js"

export interface ShardDigest {
  readonly shard: Shard
  readonly recordNumber: number
  readonly digest: string
}

/**
 * Yields each shard's digest. `digestOf` replays what it is given into the tenant's own state and
 * answers with that state's digest: equal digests, equal queues. ShardCorrupt ends the iteration.
 */
export async function* digestDirectory(
  dir: string,
  digestOf: (shard: ReadShard) => Promise<string>,
  disk: Disk = fileDisk(),
): AsyncGenerator<ShardDigest> {
  for await (const read of readDirectory(dir, disk)) {
    const digest = await digestOf(read)
    yield { shard: read.shard, recordNumber: read.recordNumber, digest }
  }
}

export type DumpEntry =
  | {
      readonly kind: "shard"
      readonly shard: Shard
      readonly epoch: number
      readonly owner: string | undefined
      readonly checkpointRecord: number
      readonly recordNumber: number
    }
  | {
      readonly kind: "chunk"
      readonly shard: Shard
      readonly key: string
      readonly bytes: Uint8Array
    }
  | {
      readonly kind: "record"
      readonly shard: Shard
      readonly recordNumber: number
      readonly epoch: number
      readonly journalMs: number
      readonly events: Uint8Array
      readonly frames: readonly {
        readonly generation: number
        readonly first: number
        readonly bytes: number
      }[]
      readonly file: string
      readonly offset: number
    }

/** Yields each shard, its checkpoint's chunks and the records behind it, in order. */
export async function* dumpDirectory(
  dir: string,
  disk: Disk = fileDisk(),
): AsyncGenerator<DumpEntry> {
  for await (const read of readDirectory(dir, disk)) {
    const { shard, epoch, owner, checkpoint, recordNumber, records } = read
    const checkpointRecord = checkpoint.recordNumber
    yield { kind: "shard", shard, epoch, owner: owner?.instance, checkpointRecord, recordNumber }
    for await (const { key, bytes } of checkpoint.chunks) yield { kind: "chunk", shard, key, bytes }
    for (const record of records) {
      const frames = record.frames.map(({ generation, first, bytes }) => ({
        generation,
        first,
        bytes,
      }))
      yield { kind: "record", shard, ...record, frames }
    }
  }
}

async function* readDirectory(dir: string, disk: Disk): AsyncGenerator<ReadShard> {
  const paths = pathsOf(resolve(dir))
  const fabric = await requireFabric(disk, paths)
  const reader = new DirectoryReader(disk, paths)
  try {
    for (let shard = 0; shard < fabric.shards; shard++) yield await reader.read(shard)
  } finally {
    reader.close()
  }
}
