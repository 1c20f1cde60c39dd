/**
 * Owns: taking a backup of a running fabric: shard after shard, each as its owner holds it at one
 * record, in pages. One page is on its way at a time: the node's work for it is as slow as the disk
 * here. A shard whose owner ends, moves or gives up in the middle is begun again where it is then.
 * Must not know: terminals, how the fabric is reached.
 *
 * The order is the consistency between shards: s000, with the catalog, comes last. So a queue that
 * another shard holds is in the catalog, or was deleted meanwhile and is left out by a restore; and
 * generations that were given out are never given out again by what is restored.
 */
import { asSkeinError, limits, type SkeinError, shardName } from "@skein/model"
import type { BackupPage, BackupRequest, ShardBackup } from "@skein/wire"
import type { BackupDirectory, FinishedShard } from "./BackupDirectory.js"
import type { ShardFileWriter } from "./shardFile.js"

export interface BackupOptions {
  readonly beginBackup: (shard: number) => Promise<ShardBackup>
  readonly readBackup: (request: BackupRequest) => Promise<BackupPage>
  readonly signal: AbortSignal
  readonly nowMs: () => number
  readonly pause: (ms: number) => Promise<void>
  /** A shard is given up after so long without a page, however often it was begun. */
  readonly patienceMs: number
  /** So many bytes more; `part`: of the shard, from 0 to 1. */
  readonly onBytes: (shard: number, bytes: number, part: number) => void
  readonly onAgain: (shard: number, why: SkeinError) => void
}

const againAfterMs = 250

/** All shards that `into` has not got yet. Rejects with Aborted, or with what hindered it. */
export const takeBackup = async (into: BackupDirectory, options: BackupOptions): Promise<void> => {
  for (const shard of backupOrder(into.manifest.shards)) {
    if (!into.isDone(shard)) await takeShard(into, shard, options)
  }
}

/** The catalog's shard last. */
export const backupOrder = (shards: number): readonly number[] => [
  ...Array.from({ length: shards - 1 }, (_, at) => at + 1),
  0,
]

const takeShard = async (
  into: BackupDirectory,
  shard: number,
  options: BackupOptions,
): Promise<FinishedShard> => {
  const { nowMs, onAgain, patienceMs, pause, signal } = options
  const progress = { atMs: nowMs() }
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptShard(into, shard, options, progress)
    } catch (cause) {
      signal.throwIfAborted()
      const error = asSkeinError(cause)
      const isLate = nowMs() - progress.atMs >= patienceMs
      if (isLate || attempt >= limits.backupAttemptsMax || !mayBeginAgain(error)) throw error
      onAgain(shard, error)
      await pause(againAfterMs)
      signal.throwIfAborted()
    }
  }
}

const mayBeginAgain = ({ _tag, retryable }: SkeinError): boolean =>
  _tag === "BackupEnded" || (retryable && _tag !== "DiskFull")

const attemptShard = async (
  into: BackupDirectory,
  shard: number,
  options: BackupOptions,
  progress: { atMs: number },
): Promise<FinishedShard> => {
  const { nowMs, onBytes, signal } = options
  const { cut, chunks: _chunks, chunkBytes, ...head } = await options.beginBackup(shard)
  const wholeBytes = chunkBytes + head.frameBytes
  let gotBytes = 0
  const fill = async (writer: ShardFileWriter): Promise<void> => {
    for (let page = 1; ; page++) {
      const { chunks, frames, last } = await options.readBackup({ shard, cut, page })
      signal.throwIfAborted()
      progress.atMs = nowMs()
      let bytes = 0
      for (const chunk of chunks) {
        await writer.chunk(chunk)
        bytes += chunk.bytes.length
      }
      for (const frame of frames) {
        await writer.frame(frame)
        bytes += frame.bytes.length
      }
      gotBytes += bytes
      onBytes(shard, bytes, wholeBytes === 0 ? 1 : Math.min(1, gotBytes / wholeBytes))
      if (last) return
    }
  }
  return into.addShard(head, fill)
}

/** `s003: 2 queues` of those that were set aside. */
export const leftAside = (done: readonly FinishedShard[]): readonly string[] =>
  done.flatMap(({ shard, aside }) =>
    aside.map((generation) => `${shardName(shard)}: the queue of generation ${generation}`),
  )
