/**
 * Owns: making a fabric of a backup, in a directory that nobody uses: shard after shard through the
 * journal, as an owner writes it. A mark says that the directory is not whole; it names the backup
 * and the shards that are, so a restore that was cut off goes on behind them.
 * Must not know: terminals, how the journal stores.
 *
 * Order: the backup was verified; the mark is durable; the fabric is created, with a new id and
 * epochs above those of the backup, so that nothing of the old fabric can be taken for the new
 * one's; the shards; the digests of what is stored are compared; the mark goes.
 */
import type { Disk } from "@skein/journal"
import { digestDirectory, fileDisk, openFileJournal, RestoreMark } from "@skein/journal-file"
import { type SkeinError, shardName, skeinError } from "@skein/model"
import { digestShard } from "../journal/digestShard.js"
import type { BackupDirectory } from "./BackupDirectory.js"
import { RestoredShard } from "./RestoredShard.js"
import { loadShard, type VerifiedShard, wanted } from "./verifyBackup.js"

export interface RestoreOptions {
  readonly dir: string
  readonly signal: AbortSignal
  readonly onBytes: (bytes: number) => void
  /** The file system of `dir`. Default: the local one. */
  readonly disk?: Disk
  /** Size of a log segment and what may be uncleaned. Default: the journal's. */
  readonly journal?: { readonly segmentBytes: number; readonly uncleanedBytesMax: number }
}

export interface Restored {
  readonly fabricId: string
  /** Shards that an earlier attempt had restored. */
  readonly kept: number
}

interface Mark {
  readonly backupId: string
  readonly done: readonly number[]
}

/** What hinders a restore into the directory, before anything is written. */
export const checkTarget = async (
  { manifest }: BackupDirectory,
  dir: string,
  disk: Disk = fileDisk(),
): Promise<Mark | undefined> => {
  const text = await new RestoreMark(disk, dir).read()
  if (text === undefined) return undefined
  const mark = parseMark(text)
  if (mark?.backupId === manifest.backupId) return mark
  const whose = mark === undefined ? "something" : `the backup ${mark.backupId}`
  const detail = `${dir} holds half a restore of ${whose}, not of ${manifest.backupId}`
  throw skeinError("RestoreUnfinished", detail)
}

/** `verified`: what `verifyBackup` answered for it. */
export const restoreBackup = async (
  backup: BackupDirectory,
  verified: readonly VerifiedShard[],
  options: RestoreOptions,
): Promise<Restored> => {
  const { dir, disk = fileDisk() } = options
  const { backupId, shards } = backup.manifest
  const found = await checkTarget(backup, dir, disk)
  const mark = new RestoreMark(disk, dir)
  const done = [...(found?.done ?? [])]
  if (found === undefined) await mark.write(JSON.stringify({ backupId, done }))
  const epochs = backup.manifest.done.map(({ epoch }) => epoch)
  const journal = await openFileJournal({
    ...{ dir, disk, shards, restoring: { epochs } },
    ...options.journal,
  })
  const kept = done.length
  try {
    for (const { shard } of verified) {
      if (done.includes(shard)) continue
      await restoreShard(backup, verified, shard, journal, options)
      done.push(shard)
      await mark.write(JSON.stringify({ backupId, done }))
    }
  } finally {
    await journal.close()
  }
  await compare(verified, dir, disk)
  await mark.remove()
  return { fabricId: journal.fabricId, kept }
}

const restoreShard = async (
  backup: BackupDirectory,
  [first]: readonly VerifiedShard[],
  shard: number,
  journal: Awaited<ReturnType<typeof openFileJournal>>,
  { signal, onBytes }: RestoreOptions,
): Promise<void> => {
  const noted = backup.manifest.done[shard]
  let restored: RestoredShard | undefined
  await loadShard(backup, noted, {
    ...{ signal, onBytes },
    ...(shard !== 0 && { keeps: wanted(first.catalog) }),
    onBuilt: async (loaded, { journalMs }) => {
      restored = await RestoredShard.open(journal, shard, loaded, journalMs)
    },
    onFrame: async (frame) => restored?.frame(frame),
  })
  await restored?.finish()
}

/** What is stored is what was verified: nothing is taken on trust. */
const compare = async (
  verified: readonly VerifiedShard[],
  dir: string,
  disk: Disk,
): Promise<void> => {
  for await (const { shard, digest } of digestDirectory(dir, digestShard, disk)) {
    if (verified[shard]?.digest === digest) continue
    throw notTheSame(`${shardName(shard)} in ${dir} is not what the backup holds`)
  }
}

const notTheSame = (detail: string): SkeinError => skeinError("InternalError", detail)

const parseMark = (text: string): Mark | undefined => {
  try {
    const { backupId, done } = (JSON.parse(text) ?? {}) as Partial<Mark>
    const isSound = typeof backupId === "string" && Array.isArray(done)
    return isSound ? { backupId, done } : undefined
  } catch {
    return undefined
  }
}
