/**
 * Owns: who has owned a shard since its newest checkpoint, and what their logs say: back along the
 * seals, and along the claims where an owner died before it left one. Reads only.
 * Whoever recovers must have taken the token before; whoever only looks may be late or early.
 * A checkpoint that is damaged is passed over: the one before it, or none, will do where the logs
 * reach back so far. Whether they do is proven: records have numbers and crcs without gaps, each
 * segment of a log begins with how far every shard was, each owner's seal says what it began with.
 */
import type { Disk } from "@skein/journal"
import type { InstanceId, Shard } from "@skein/model"
import { isSkeinError, type SkeinError, shardName, skeinError } from "@skein/model"
import type { CheckpointStore, StoredCheckpoint } from "./CheckpointStore.js"
import { type Holder, readClaim } from "./ClaimFile.js"
import { assembleHistory, type History, type OwnerLog, sealOf } from "./History.js"
import { genesis, type Paths } from "./Layout.js"
import type { Damage, ShardEntry, TornTail } from "./ScanEntry.js"

/** What was read of an instance's log. */
export interface ScannedLog {
  readonly damages: readonly Damage[]
  readonly torn: TornTail | undefined
  readonly durableBefore: number
  readonly entries: (shard: Shard) => readonly ShardEntry[]
  readonly forget: (shard: Shard) => void
}

export interface Owner {
  readonly holder: Holder
  readonly scan: ScannedLog
  readonly log: OwnerLog
}

export interface Owners {
  /** The newest whole checkpoint that its successors admit. */
  readonly checkpoint: StoredCheckpoint | undefined
  /** Newer ones that would have been it, and are damaged. Newest first. */
  readonly damaged: readonly StoredCheckpoint[]
  readonly all: readonly StoredCheckpoint[]
  /** Oldest first. */
  readonly owners: readonly Owner[]
}

interface Places {
  readonly disk: Disk
  readonly paths: Paths
  readonly scans: {
    readonly read: (instance: InstanceId, shard: Shard) => Promise<ScannedLog>
  }
}

/** The checkpoint to begin with, and everybody who served since, up to `last`. */
export const findOwners = async (
  places: Places,
  shard: Shard,
  store: CheckpointStore,
  last: Holder | undefined,
): Promise<Owners> => {
  const all = await store.list()
  const owners: Owner[] = []
  const damaged: StoredCheckpoint[] = []
  let holder = last
  // What a later owner has sealed: a checkpoint that covers more was made by one who had lost.
  let sealed = Number.POSITIVE_INFINITY
  while (holder !== undefined && holder.instance !== genesis) {
    const { epoch, instance } = holder
    const scan = await places.scans.read(instance, shard)
    const own = all.filter((one) => one.epoch === epoch && isAdmissible(one, sealed))
    const checkpoint = own.find((one) => store.isWhole(one, all))
    const passed = checkpoint === undefined ? own : own.slice(0, own.indexOf(checkpoint))
    damaged.push(...passed)
    const log: OwnerLog = {
      epoch,
      instance,
      entries: scan.entries(shard),
      damages: [...scan.damages],
      durableBefore: scan.durableBefore,
      served: passed.length > 0,
    }
    owners.unshift({ holder, scan, log })
    if (checkpoint !== undefined) return { checkpoint, damaged, all, owners }
    const seal = sealOf(log.entries, epoch)
    sealed = seal?.recordNumber ?? sealed
    const former = seal?.predecessor ?? (await claimed(places, shard, holder, owners, damaged))
    holder = former
  }
  return { checkpoint: undefined, damaged, all, owners }
}

/** What happened since the checkpoint. ShardCorrupt when something is or may be missing. */
export const historyOf = (shard: Shard, found: Owners): History => {
  const { checkpoint, damaged, owners } = found
  const header = checkpoint?.header
  const base = {
    recordNumber: header?.recordNumber ?? 0,
    crc: header?.crc ?? 0,
    epoch: header?.epoch ?? 0,
  }
  const logs = owners.map((owner) => owner.log)
  if (damaged.length === 0) return assembleHistory(shard, base, logs)
  try {
    const history = assembleHistory(shard, base, logs)
    const held = Math.max(0, ...damaged.map(({ header }) => header?.recordNumber ?? 0))
    if (history.recordNumber >= held) return history
    throw lostWith(shard, damaged, `the logs end at record ${history.recordNumber} of ${held}`)
  } catch (error) {
    if (!isSkeinError(error)) throw error
    throw lostWith(shard, damaged, error.detail)
  }
}

/** What to tell of checkpoints that were damaged, when the shard is whole without them. */
export const passedOver = (shard: Shard, { checkpoint, damaged }: Owners): SkeinError[] => {
  const from = checkpoint === undefined ? "the logs alone" : checkpoint.path
  return damaged.map(({ path }) => {
    const detail = `${path} is damaged: ${shardName(shard)} was read from ${from}, nothing is lost`
    return skeinError("ShardCorrupt", detail, { shard, file: path })
  })
}

/** The logs do not reach back to what was before a damaged checkpoint. */
export const lostWith = (
  shard: Shard,
  damaged: readonly StoredCheckpoint[],
  why: string,
): SkeinError => {
  const [{ path }] = damaged
  const detail = `${path} is damaged, and the logs do not hold what is in it: ${why}`
  return skeinError("ShardCorrupt", detail, { shard, file: path })
}

/** Bytes behind the last whole record of the shard that were cut. */
export const tornBytes = (shard: Shard, owners: readonly Owner[]): number => {
  let bytes = 0
  for (const { scan } of owners) bytes += scan.torn?.bytes.get(shard) ?? 0
  return bytes
}

/** How far a damaged one reaches cannot be told: it counts, until the logs prove its content. */
const isAdmissible = (stored: StoredCheckpoint, sealed: number): boolean =>
  stored.header === undefined || stored.header.recordNumber <= sealed

const claimed = async (
  { disk, paths }: Places,
  shard: Shard,
  holder: Holder,
  owners: readonly Owner[],
  damaged: readonly StoredCheckpoint[],
): Promise<Holder> => {
  const path = paths.claim(shard, holder.epoch, holder.instance)
  const predecessor = await readClaim(disk, path)
  if (predecessor !== undefined) return predecessor
  const places = owners.flatMap(({ log }) => log.damages.map((damage) => damage.file))
  if (damaged.length > 0) throw lostWith(shard, damaged, `${path} is missing or damaged`)
  const where = places.length === 0 ? "" : ` (and ${places[0]} is damaged)`
  throw skeinError("ShardCorrupt", `${path} is missing or damaged${where}`, { shard, file: path })
}
