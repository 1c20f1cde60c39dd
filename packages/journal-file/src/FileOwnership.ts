/**
 * Owns: tokens as file names. A shard's directory holds exactly one empty file
 * `owner.<epoch>.<instance>`; whoever renames it to its own name owns the shard. There is no lock
 * that a stopped process could keep, and no time in it.
 * Order of a claim: the note `claim.<e+1>.<me>` is durable, then the rename, then the directory's
 * sync; only after that may the claimant read what the predecessor left. A planned move is the same
 * with the parts exchanged: the owner writes the note in the other's name and renames for it.
 */
import {
  type Claim,
  type Disk,
  type Failpoints,
  type Handing,
  noFailpoints,
  type Ownership,
} from "@skein/journal"
import type { Epoch, InstanceId, Shard } from "@skein/model"
import { shardName, skeinError } from "@skein/model"
import { writeClaim } from "./ClaimFile.js"
import { genesis, type Paths } from "./Layout.js"
import { makeDirectoryWith, renameToken, surveyTokens, tokenName } from "./TokenDirectory.js"

export const fileOwnership = (
  disk: Disk,
  paths: Paths,
  instance: InstanceId,
  failpoints: Failpoints = noFailpoints,
): Ownership => ({
  instance,
  claim: (shard) => claim({ disk, paths, instance, failpoints }, shard),
  hand: (handing) => hand({ disk, paths, instance, failpoints }, handing),
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

interface Claimant {
  readonly disk: Disk
  readonly paths: Paths
  readonly instance: InstanceId
  readonly failpoints: Failpoints
}

const claim = async (
  { disk, paths, instance, failpoints }: Claimant,
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
  failpoints.hit("takeover.noted")
  const own = tokenName({ epoch, instance })
  const renamed = () => failpoints.hit("takeover.renamed")
  if (!(await renameToken(disk, directory, tokenName(owner), own, renamed))) {
    throw skeinError("Moved", `another process was quicker to take ${shardName(shard)}`, { shard })
  }
  failpoints.hit("takeover.taken")
  const predecessor = owner.instance === genesis ? undefined : owner
  return predecessor === undefined ? { shard, epoch } : { shard, epoch, predecessor }
}

const hand = async (
  { disk, paths, instance, failpoints }: Claimant,
  { shard, epoch: from, to, recordNumber, crc }: Handing,
): Promise<Epoch> => {
  const directory = paths.shard(shard)
  const own = { epoch: from, instance }
  const { epochMax } = await surveyTokens(disk, directory)
  const epoch = epochMax + 1
  const note = { ...own, end: { recordNumber, crc } }
  await writeClaim(disk, paths.claim(shard, epoch, to), note)
  await disk.syncDirectory(directory)
  failpoints.hit("move.noted")
  const given = tokenName({ epoch, instance: to })
  const renamed = () => failpoints.hit("move.renamed")
  if (await renameToken(disk, directory, tokenName(own), given, renamed)) return epoch
  throw skeinError("Moved", `${shardName(shard)} was taken by another process`, { shard })
}
