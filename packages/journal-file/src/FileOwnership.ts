/**
 * Owns: tokens as file names. A shard's directory holds exactly one empty file
 * `owner.<epoch>.<instance>`; whoever renames it to its own name owns the shard. There is no lock
 * that a stopped process could keep, and no time in it.
 * Order of a claim: the note `claim.<e+1>.<me>` is durable, then the rename, then the directory's
 * sync; only after that may the claimant read what the predecessor left. A planned move is the same
 * with the parts exchanged: the owner writes the note in the other's name and renames for it.
 */
import type { Claim, Disk, Handing, Ownership } from "@skein/journal"
import type { Epoch, InstanceId, Shard } from "@skein/model"
import { shardName, skeinError } from "@skein/model"
import { writeClaim } from "./ClaimFile.js"
import { genesis, type Paths } from "./Layout.js"
import { makeDirectoryWith, renameToken, surveyTokens, tokenName } from "./TokenDirectory.js"

export const fileOwnership = (disk: Disk, paths: Paths, instance: InstanceId): Ownership => ({
  instance,
  claim: (shard) => claim(disk, paths, instance, shard),
  hand: (handing) => hand(disk, paths, instance, handing),
  holds: (shard, epoch) => disk.existsSync(paths.owner(shard, epoch, instance)),
  holder: async (shard) => {
    const { owner } = await surveyTokens(disk, paths.shard(shard))
    return owner === undefined || owner.instance === genesis ? undefined : owner
  },
})

/**
 * Makes a shard's directory with the token that nobody holds yet; its first owner gets the epoch
 * after `epoch`. Repeatable; one of many wins.
 */
export const createShardDirectory = (
  disk: Disk,
  paths: Paths,
  instance: InstanceId,
  shard: Shard,
  epoch: Epoch = 0,
): Promise<void> =>
  makeDirectoryWith(disk, paths.shard(shard), instance, tokenName({ epoch, instance: genesis }))

const claim = async (
  disk: Disk,
  paths: Paths,
  instance: InstanceId,
  shard: Shard,
): Promise<Claim> => {
  const directory = paths.shard(shard)
  const { owner, epochMax } = await surveyTokens(disk, directory)
  if (owner === undefined) {
    throw skeinError("ShardCorrupt", `${directory} holds no owner token`, { shard })
  }
  const epoch = epochMax + 1
  await writeClaim(disk, paths.claim(shard, epoch, instance), owner)
  await disk.syncDirectory(directory)
  const own = tokenName({ epoch, instance })
  if (!(await renameToken(disk, directory, tokenName(owner), own))) {
    throw skeinError("Moved", `another process was quicker to take ${shardName(shard)}`, { shard })
  }
  const predecessor = owner.instance === genesis ? undefined : owner
  return predecessor === undefined ? { shard, epoch } : { shard, epoch, predecessor }
}

const hand = async (
  disk: Disk,
  paths: Paths,
  instance: InstanceId,
  { shard, epoch: from, to, recordNumber, crc }: Handing,
): Promise<Epoch> => {
  const directory = paths.shard(shard)
  const own = { epoch: from, instance }
  const { epochMax } = await surveyTokens(disk, directory)
  const epoch = epochMax + 1
  const note = { ...own, end: { recordNumber, crc } }
  await writeClaim(disk, paths.claim(shard, epoch, to), note)
  await disk.syncDirectory(directory)
  const renamed = await renameToken(
    disk,
    directory,
    tokenName(own),
    tokenName({ epoch, instance: to }),
  )
  if (renamed) return epoch
  throw skeinError("Moved", `${shardName(shard)} was taken by another process`, { shard })
}
