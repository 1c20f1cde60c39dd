/**
 * Owns: tokens as file names. A shard's directory holds exactly one empty file
 * `owner.<epoch>.<instance>`; whoever renames it to its own name owns the shard. There is no lock
 * that a stopped process could keep, and no time in it.
 * Order of a claim: the note `claim.<e+1>.<me>` is durable, then the rename, then the directory's
 * sync; only after that may the claimant read what the predecessor left.
 */
import type { Claim, Disk, Ownership } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Epoch, InstanceId, Shard } from "@skein/model"
import { shardName, skeinError } from "@skein/model"
import { type Holder, writeClaim } from "./ClaimFile.js"
import { genesis, type Paths, parseShardFile } from "./Layout.js"

export const fileOwnership = (disk: Disk, paths: Paths, instance: InstanceId): Ownership => ({
  instance,
  claim: (shard) => claim(disk, paths, instance, shard),
  holds: (shard, epoch) => disk.existsSync(paths.owner(shard, epoch, instance)),
  holder: async (shard) => {
    const { owner } = await survey(disk, paths, shard)
    return owner === undefined || owner.instance === genesis ? undefined : owner
  },
})

/** Makes a shard's directory with the token that nobody holds yet. Repeatable; one of many wins. */
export const createShardDirectory = async (
  disk: Disk,
  paths: Paths,
  instance: InstanceId,
  shard: Shard,
): Promise<void> => {
  if (disk.existsSync(paths.shard(shard))) return
  const made = `${paths.shards}/${shardName(shard)}.${instance}.tmp`
  await disk.makeDirectory(made)
  const token = await disk.open(`${made}/owner.0.${genesis}`, "create")
  await token.close()
  await disk.syncDirectory(made)
  try {
    await disk.rename(made, paths.shard(shard))
  } catch (error) {
    if (!disk.existsSync(paths.shard(shard))) throw error
    await disk.unlink(`${made}/owner.0.${genesis}`)
    await disk.removeDirectory(made)
  }
}

const claim = async (
  disk: Disk,
  paths: Paths,
  instance: InstanceId,
  shard: Shard,
): Promise<Claim> => {
  const { owner, epochMax } = await survey(disk, paths, shard)
  if (owner === undefined) {
    throw skeinError("ShardCorrupt", `${paths.shard(shard)} holds no owner token`, { shard })
  }
  const epoch = epochMax + 1
  await writeClaim(disk, paths.claim(shard, epoch, instance), owner)
  await disk.syncDirectory(paths.shard(shard))
  try {
    await disk.rename(
      paths.owner(shard, owner.epoch, owner.instance),
      paths.owner(shard, epoch, instance),
    )
  } catch (error) {
    if (!isMissing(error)) throw error
    throw skeinError("Moved", `another process was quicker to take ${shardName(shard)}`, { shard })
  }
  await disk.syncDirectory(paths.shard(shard))
  const predecessor = owner.instance === genesis ? undefined : owner
  return predecessor === undefined ? { shard, epoch } : { shard, epoch, predecessor }
}

/** The token in the directory and the highest epoch in any file's name. */
const survey = async (
  disk: Disk,
  paths: Paths,
  shard: Shard,
): Promise<{ readonly owner: Holder | undefined; readonly epochMax: Epoch }> => {
  // A listing that runs beside a rename may show neither name: look again.
  for (let attempt = 0; attempt < 8; attempt++) {
    let owner: Holder | undefined
    let epochMax = 0
    for (const name of await disk.list(paths.shard(shard))) {
      const file = parseShardFile(name)
      if (file === undefined) continue
      epochMax = Math.max(epochMax, file.epoch)
      if (file.kind !== "owner" || file.epoch < (owner?.epoch ?? 0)) continue
      owner = { epoch: file.epoch, instance: file.instance }
    }
    if (owner !== undefined) return { owner, epochMax }
  }
  return { owner: undefined, epochMax: 0 }
}
