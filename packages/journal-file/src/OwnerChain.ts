/**
 * Owns: who has owned a shard since its newest checkpoint, and what their logs say: back along the
 * seals, and along the claims where an owner died before it left one. Reads only.
 * Whoever recovers must have taken the token before; whoever only looks may be late or early.
 */
import type { Disk } from "@skein/journal"
import type { InstanceId, Shard } from "@skein/model"
import { skeinError } from "@skein/model"
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
  /** The newest checkpoint that its successors admit, which may be damaged. */
  readonly checkpoint: StoredCheckpoint | undefined
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
  let holder = last
  // What a later owner has sealed: a checkpoint that covers more was made by one who had lost.
  let sealed = Number.POSITIVE_INFINITY
  while (holder !== undefined && holder.instance !== genesis) {
    const { epoch, instance } = holder
    const scan = await places.scans.read(instance, shard)
    const log: OwnerLog = {
      epoch,
      instance,
      entries: scan.entries(shard),
      damages: [...scan.damages],
      durableBefore: scan.durableBefore,
    }
    owners.unshift({ holder, scan, log })
    const checkpoint = all.find((one) => one.epoch === epoch && isAdmissible(one, sealed))
    if (checkpoint !== undefined) return { checkpoint, all, owners }
    const seal = sealOf(log.entries, epoch)
    sealed = seal?.recordNumber ?? sealed
    holder = seal?.predecessor ?? (await claimed(places, shard, holder, owners))
  }
  return { checkpoint: undefined, all, owners }
}

/** What happened since the checkpoint. ShardCorrupt when something is or may be missing. */
export const historyOf = (shard: Shard, { checkpoint, owners }: Owners): History => {
  const header = checkpoint?.header
  const base = {
    recordNumber: header?.recordNumber ?? 0,
    crc: header?.crc ?? 0,
    epoch: header?.epoch ?? 0,
  }
  return assembleHistory(
    shard,
    base,
    owners.map((owner) => owner.log),
  )
}

/** Bytes behind the last whole record of the shard that were cut. */
export const tornBytes = (shard: Shard, owners: readonly Owner[]): number => {
  let bytes = 0
  for (const { scan } of owners) bytes += scan.torn?.bytes.get(shard) ?? 0
  return bytes
}

/** A damaged one is taken, so that it is refused: what it held may be nowhere else. */
const isAdmissible = (stored: StoredCheckpoint, sealed: number): boolean =>
  stored.header === undefined || stored.header.recordNumber <= sealed

const claimed = async (
  { disk, paths }: Places,
  shard: Shard,
  holder: Holder,
  owners: readonly Owner[],
): Promise<Holder> => {
  const path = paths.claim(shard, holder.epoch, holder.instance)
  const predecessor = await readClaim(disk, path)
  if (predecessor !== undefined) return predecessor
  const places = owners.flatMap(({ log }) => log.damages.map((damage) => damage.file))
  const where = places.length === 0 ? "" : ` (and ${places[0]} is damaged)`
  throw skeinError("ShardCorrupt", `${path} is missing or damaged${where}`, { shard, file: path })
}
