/**
 * Owns: tokens as file names. A shard's directory holds exactly one empty file
 * `owner.<epoch>.<instance>`; whoever renames it to its own name owns the shard. There is no lock
 * that a stopped process could keep, and no time in it.
 * Order of a claim: the note `claim.<e+1>.<me>` is durable, then the rename, then the directory's
 * sync; only after that may the claimant read what the predecessor left.
 */
import type { Claim, Disk, Ownership } from "@skein/journal"
import type { InstanceId, Shard } from "@skein/model"
import { shardName, skeinError } from "@skein/model"
import { writeClaim } from "./ClaimFile.js"
import { genesis, type Paths } from "./Layout.js"
import {
  firstToken,
  makeDirectoryWith,
  renameToken,
  surveyTokens,
  tokenName,
} from "./TokenDirectory.js"

export const fileOwnership = (disk: Disk, paths: Paths, instance: InstanceId): Ownership => ({
  instance,
  claim: (shard) => claim(disk, paths, instance, shard),
  holds: (shard, epoch) => disk.existsSync(paths.owner(shard, epoch, instance)),
  holder: async (shard) => {
    const { owner } = await surveyTokens(disk, paths.shard(shard))
    return owner === undefined || owner.instance === genesis ? undefined : owner
  },
})

/** Makes a shard's directory with the token that nobody holds yet. Repeatable; one of many wins. */
export const createShardDirectory = (
  disk: Disk,
  paths: Paths,
  instance: InstanceId,
  shard: Shard,
): Promise<void> => makeDirectoryWith(disk, paths.shard(shard), instance, firstToken)

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
