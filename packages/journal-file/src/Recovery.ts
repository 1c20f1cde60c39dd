/**
 * Owns: opening a shard, in the order of DESIGN.md section 7: take the token; only then read the
 * newest checkpoint and the logs of the former owners, back along their claims; copy what was not
 * known to be durable into the own log together with the seal; sync; look for the token again.
 * The log of the one who has the token is begun to be read while the token is taken: what it may
 * still write meanwhile is looked at after that.
 * A former owner that lives may write its last batch anew, when there was no room to sync it: what
 * was read of it is then read again.
 */
import {
  type Claim,
  type Disk,
  type Failpoints,
  noFailpoints,
  type Ownership,
  type ReplayedFrame,
  type ShardTenant,
} from "@skein/journal"
import type { Shard, SkeinError } from "@skein/model"
import { isSkeinError, shardName, skeinError } from "@skein/model"
import { CheckpointStore } from "./CheckpointStore.js"
import { FileTable, refPath } from "./FileTable.js"
import { genesis, type Paths } from "./Layout.js"
import type { LogScans } from "./LogScans.js"
import { findOwners, historyOf, lostWith, passedOver, tornBytes } from "./OwnerChain.js"
import type { RecoveredRecord } from "./RecoveredRecord.js"
import { RecordChanged, type Sealing } from "./Sealing.js"

export interface Recovered {
  readonly epoch: number
  readonly store: CheckpointStore
  readonly table: FileTable
  readonly checkpointRecord: number
  readonly placements: readonly ReplayedFrame[]
  readonly records: readonly RecoveredRecord[]
  readonly last: { readonly recordNumber: number; readonly crc: number }
  readonly tornBytes: number
  /** Checkpoints that were damaged and not needed. */
  readonly passedOver: readonly SkeinError[]
  /** Logs of former processes were read: the cleaner can make an end of that. */
  readonly inherits: boolean
  /** Makes counts right that only the tenant can know. */
  readonly recount?: (tenant: ShardTenant) => void
}

/** How often a history is read that changes while it is. */
const readAttemptsMax = 4

export class Recovery {
  constructor(
    readonly disk: Disk,
    readonly paths: Paths,
    readonly ownership: Ownership,
    readonly scans: LogScans,
    readonly sealing: Sealing,
    readonly failpoints: Failpoints = noFailpoints,
  ) {}

  /** Checkpoint files with a damaged chunk: found when that was read, by the shard's tenant. */
  readonly #damaged = new Set<string>()

  async open(shard: Shard): Promise<Recovered> {
    await this.#readAhead(shard)
    const claim = await this.ownership.claim(shard)
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.#recover(claim)
        } catch (error) {
          if (!(error instanceof RecordChanged)) throw error
          if (attempt === readAttemptsMax) throw error.corrupt
        }
      }
    } catch (error) {
      // Whoever has it now sweeps files that were read here.
      if (this.ownership.holds(shard, claim.epoch)) throw ofShard(shard, error)
      throw skeinError("Moved", `${shardName(shard)} was taken while it was opened`, { shard })
    }
  }

  async #readAhead(shard: Shard): Promise<void> {
    const holder = await this.ownership.holder(shard)
    if (holder !== undefined) this.scans.readAhead(holder.instance, shard)
  }

  async #recover(claim: Claim): Promise<Recovered> {
    const { shard } = claim
    const store = new CheckpointStore(this.disk, this.paths, shard, this.#damaged)
    const { disk, paths, scans } = this
    const found = await findOwners({ disk, paths, scans }, shard, store, claim.predecessor)
    if (found.checkpoint !== undefined) store.use(found.checkpoint, found.all)
    const header = found.checkpoint?.header
    const history = historyOf(shard, found)
    const table = new FileTable()
    for (const file of header?.files ?? []) {
      const path = refPath(paths, shard, file.ref)
      if (!disk.existsSync(path)) {
        const detail = `${path} is missing, ${found.checkpoint?.path} points into it`
        if (found.damaged.length > 0) throw lostWith(shard, found.damaged, detail)
        throw skeinError("ShardCorrupt", detail, { shard, file: path })
      }
      table.restore(file)
    }
    const predecessor = claim.predecessor ?? { epoch: 0, instance: genesis }
    this.failpoints.hit("takeover.read")
    const by = { ...claim, predecessor, phase: "takeover" } as const
    const records = await this.sealing.seal(by, history, table)
    if (!this.ownership.holds(shard, claim.epoch)) {
      throw skeinError("Moved", `${shardName(shard)} was taken while it was opened`, { shard })
    }
    this.failpoints.hit("takeover.checked")
    for (const { scan } of found.owners) scan.forget(shard)
    return {
      epoch: claim.epoch,
      store,
      table,
      checkpointRecord: header?.recordNumber ?? 0,
      placements: header?.placements ?? [],
      records,
      last: history,
      tornBytes: tornBytes(shard, found.owners),
      passedOver: passedOver(shard, found),
      inherits: found.owners.some(({ holder }) => holder.instance !== this.ownership.instance),
    }
  }
}

/** A file of the shard that leads elsewhere is the shard's trouble, not the directory's. */
const ofShard = (shard: Shard, error: unknown): unknown => {
  if (!isSkeinError(error) || error._tag !== "DirectoryForeign") return error
  return skeinError("ShardCorrupt", error.detail, { shard }, { cause: error })
}
