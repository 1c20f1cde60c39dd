/**
 * Owns: checking a backup to the last byte, as a restore relies on it: every checksum, every
 * digest, every message's frame, and that the catalog knows of every generation that is in use.
 * Must not know: where it will be restored.
 */
import { isMissing } from "@skein/journal"
import { type Generation, type SkeinError, skeinError } from "@skein/model"
import { type CatalogState, relocate } from "@skein/queue"
import { digestOf } from "../journal/digestShard.js"
import type { BackupDirectory, FinishedShard } from "./BackupDirectory.js"
import { LoadedShard } from "./LoadedShard.js"
import { backupDiskError, type FrameItem, readShardFile, type ShardHead } from "./shardFile.js"

export interface LoadOptions {
  /** Which queues are wanted. Default: all. */
  readonly keeps?: (generation: Generation) => boolean
  /** All state is there, no frame yet. */
  readonly onBuilt?: (shard: LoadedShard, head: ShardHead) => Promise<void>
  /** A frame that is wanted, in order. Default: it gets a place of no meaning. */
  readonly onFrame?: (frame: FrameItem, shard: LoadedShard) => Promise<void>
  readonly onBytes?: (bytes: number) => void
  readonly signal: AbortSignal
}

export interface VerifiedShard {
  readonly shard: number
  /** As `skein journal digest` shows it of what is restored, until a node opens that. */
  readonly digest: string
  readonly catalog: CatalogState
  readonly left: readonly Generation[]
}

/** Reads one shard to its end. BackupDamaged names what is wrong. */
export const loadShard = async (
  backup: BackupDirectory,
  noted: FinishedShard,
  options: LoadOptions,
): Promise<LoadedShard> => {
  const { keeps = () => true, onBuilt, onBytes = () => {}, signal } = options
  const onFrame = options.onFrame ?? placeAnywhere
  const path = backup.path(noted.file)
  const shard = new LoadedShard(path, keeps)
  let head: ShardHead | undefined
  let isBuilt = false
  const build = async (): Promise<void> => {
    if (isBuilt || head === undefined) return
    isBuilt = true
    shard.build()
    await onBuilt?.(shard, head)
  }
  try {
    for await (const item of readShardFile(backup.disk, path)) {
      signal.throwIfAborted()
      if (item.kind === "head") head = checkHead(item.head, noted, backup, path)
      else if (item.kind === "chunk") {
        shard.chunk(item.chunk)
        onBytes(item.chunk.bytes.length)
      } else {
        await build()
        if (item.kind === "frame") {
          if (shard.frame(item.frame)) await onFrame(item.frame, shard)
          onBytes(item.frame.bytes.length)
        } else if (item.written.sha256 !== noted.sha256) {
          throw damaged(path, "is not the file that backup.json names")
        }
      }
    }
  } catch (cause) {
    if (isMissing(cause)) throw damaged(path, "is missing")
    throw backupDiskError(cause)
  }
  return shard
}

/** Every shard, s000 first: the catalog says what the others may hold. */
export const verifyBackup = async (
  backup: BackupDirectory,
  options: Pick<LoadOptions, "onBytes" | "signal">,
): Promise<readonly VerifiedShard[]> => {
  const verified: VerifiedShard[] = []
  let keeps: LoadOptions["keeps"]
  for (const noted of backup.manifest.done) {
    const loaded = await loadShard(backup, noted, { ...options, ...(keeps && { keeps }) })
    loaded.complete()
    const { catalog, queues, left } = loaded
    const first = verified.at(0)
    const { nextGeneration } = (first ?? { catalog }).catalog
    let newest = 0
    for (const generation of [...queues.keys(), ...left]) newest = Math.max(newest, generation)
    if (newest >= nextGeneration) {
      const path = backup.path(noted.file)
      throw damaged(path, `is newer than the catalog: generation ${newest} is in it`)
    }
    const digest = digestOf(catalog, queues)
    verified.push({ shard: noted.shard, digest, catalog, left })
    keeps ??= wanted(catalog)
  }
  return verified
}

/** What the catalog knows, doomed or not. */
export const wanted =
  ({ byGeneration, doomed }: CatalogState) =>
  (generation: Generation): boolean =>
    byGeneration.has(generation) || doomed.has(generation)

const checkHead = (
  head: ShardHead,
  noted: FinishedShard,
  backup: BackupDirectory,
  path: string,
): ShardHead => {
  const { fabricId } = backup.manifest
  const isSame =
    head.fabricId === fabricId && head.shard === noted.shard && head.epoch === noted.epoch
  if (!isSame) throw damaged(path, "is of another backup than backup.json")
  return head
}

const placeAnywhere = async ({ generation, first }: FrameItem, shard: LoadedShard) => {
  const state = shard.queues.get(generation)
  if (state !== undefined) relocate(state, first, 0)
}

const damaged = (path: string, what: string): SkeinError =>
  skeinError("BackupDamaged", `${path} ${what}`, { file: path })
