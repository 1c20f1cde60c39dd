/**
 * Owns: reading along a shard that another process owns, and opening it once its token is here.
 * It begins with the newest checkpoint, whose files it holds open, and the logs since; then it
 * reads the owner's log as it grows. It writes nothing before it has the token.
 * Its owner's cleaner goes on meanwhile. A newer checkpoint is only looked at for what it names:
 * at the end the shard's files are those, and the logs of the records after it, as for a recovery.
 * Frames that have left other files are told again as placements.
 * The claim in this process's name says with which record the owner's log ends. All of that is
 * durable, so nothing is copied; whoever has not read exactly that gives up, and opens the shard
 * like any other.
 */
import type {
  Disk,
  FollowedShard,
  Location,
  OpenedShard,
  Ownership,
  ReplayedFrame,
  ReplayedRecord,
  ShardTenant,
} from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Clock, Epoch, Shard } from "@skein/model"
import { isSkeinError, shardName, skeinError } from "@skein/model"
import type { CheckpointHeader } from "./CheckpointFile.js"
import { CheckpointStore } from "./CheckpointStore.js"
import { type Holder, readClaim } from "./ClaimFile.js"
import { FileTable, fileKey, type StoredFile } from "./FileTable.js"
import { type HistoryRecord, sealOf } from "./History.js"
import { type Paths, parseShardFile } from "./Layout.js"
import { fileIdOf } from "./Location.js"
import type { ScannedRecord } from "./LogScan.js"
import type { LogScans } from "./LogScans.js"
import { LogTail } from "./LogTail.js"
import { findOwners, historyOf } from "./OwnerChain.js"
import { placeRecord, type Recovered, type Recovery } from "./Recovery.js"
import { Relocations } from "./Relocations.js"
import { replayRecords } from "./replayRecords.js"
import { Turns } from "./Turns.js"

export interface FollowerParts {
  readonly disk: Disk
  readonly paths: Paths
  readonly clock: Clock
  readonly ownership: Ownership
  readonly scans: LogScans
  readonly recovery: Recovery
  /** Makes the shard this process's own. */
  readonly adopt: (shard: Shard, recovered: Recovered) => OpenedShard
}

/** A stored checkpoint, by its name. */
interface CheckpointName {
  readonly epoch: Epoch
  readonly number: number
}

/** With what it has begun. */
interface Begin {
  readonly owner: Holder
  readonly store: CheckpointStore
  readonly checkpoint: CheckpointHeader | undefined
  readonly tail: LogTail
  readonly records: readonly HistoryRecord[]
  readonly last: { readonly recordNumber: number; readonly crc: number }
}

const attemptsMax = 5

export class ShardFollower implements FollowedShard {
  readonly checkpoint: FollowedShard["checkpoint"]
  readonly #turns = new Turns()
  readonly #table = new FileTable()
  readonly #relocations: Relocations
  /** Read; those before `#told` were told. */
  #waiting: HistoryRecord[]
  #told = 0
  #last: Begin["last"]
  /** The newest checkpoint, as far as seen. */
  #newest: CheckpointHeader | undefined
  /** By file of a log: the last record in it. */
  readonly #lastRecords = new Map<string, number>()
  #over = false

  private constructor(
    readonly parts: FollowerParts,
    readonly shard: Shard,
    readonly begin: Begin,
  ) {
    const { checkpoint, store, records, last } = begin
    for (const file of checkpoint?.files ?? []) this.#table.restore(file)
    const { disk, paths } = parts
    this.#relocations = new Relocations(disk, paths, shard, checkpoint?.files ?? [])
    this.checkpoint = {
      recordNumber: checkpoint?.recordNumber ?? 0,
      chunks: store.chunks(),
      placements: checkpoint?.placements ?? [],
    }
    this.#newest = checkpoint
    this.#waiting = [...records]
    for (const record of records) this.#noteFile(record)
    this.#last = last
  }

  /** ShardUnavailable: nobody else owns it, or its owner is still opening it. */
  static async open(parts: FollowerParts, shard: Shard): Promise<ShardFollower> {
    for (let attempt = 1; ; attempt++) {
      try {
        return new ShardFollower(parts, shard, await beginWith(parts, shard))
      } catch (error) {
        // The owner's cleaner may have been quicker: then the next look finds its checkpoint.
        const isLate = isMissing(error) || (isSkeinError(error) && error._tag === "ShardCorrupt")
        if (!isLate) throw error
        if (attempt < attemptsMax) continue
        const detail = `${shardName(shard)} cannot be followed: ${String(error)}`
        throw skeinError("ShardUnavailable", detail, { shard }, { cause: error })
      }
    }
  }

  async *catchUp(): AsyncGenerator<ReplayedRecord> {
    await this.#turns.run(() => this.#readOn())
    yield* replayRecords(this.#take(), this.parts.clock)
  }

  readonly behindBytes = (): Promise<number> =>
    this.#turns.run(async () => {
      this.#refuseWhenOver()
      return this.begin.tail.behindBytes()
    })

  readonly open = (epoch: Epoch): Promise<OpenedShard> =>
    this.#turns.run(async () => {
      this.#refuseWhenOver()
      const { shard } = this
      const { ownership } = this.parts
      if (!ownership.holds(shard, epoch)) throw this.#moved()
      await this.#readToEnd(epoch)
      this.parts.recovery.failpoints.hit("move.read")
      const recovered = await this.#recover(epoch)
      if (!ownership.holds(shard, epoch)) throw this.#moved()
      this.parts.recovery.failpoints.hit("move.checked")
      this.#over = true
      return this.parts.adopt(shard, recovered)
    })

  readonly close = (): Promise<void> =>
    this.#turns.run(async () => {
      if (this.#over) return
      this.#over = true
      await this.begin.store.release()
    })

  async #readOn(): Promise<void> {
    this.#refuseWhenOver()
    const { owner, tail } = this.begin
    const { disk, paths, ownership } = this.parts
    if (!disk.existsSync(paths.owner(this.shard, owner.epoch, owner.instance))) {
      const holder = await ownership.holder(this.shard)
      if (holder?.instance !== ownership.instance) throw this.#unavailable("has another owner now")
    }
    await this.#noteCheckpoint()
    await tail.read()
    for (const entry of tail.entries()) {
      if (entry.kind === "record" && entry.epoch === owner.epoch) this.#append(entry)
    }
    tail.forget()
  }

  /** Each is told once, however often the caller stops in between. */
  *#take() {
    while (this.#told < this.#waiting.length) {
      yield placeRecord(this.#waiting[this.#told++], this.#table)
    }
    this.#waiting = []
    this.#told = 0
  }

  #append(record: ScannedRecord): void {
    const { recordNumber, crc, previousCrc } = record
    const last = this.#last
    if (recordNumber <= last.recordNumber) return
    if (recordNumber !== last.recordNumber + 1 || previousCrc !== last.crc) {
      throw this.#unavailable(`record ${last.recordNumber} is followed by ${recordNumber}`)
    }
    const next = { record, instance: this.begin.owner.instance, volatile: false }
    this.#waiting.push(next)
    this.#noteFile(next)
    this.#last = { recordNumber, crc }
  }

  #noteFile({ record, instance }: HistoryRecord): void {
    const { number, bytes } = record.segment
    const key = fileKey({ kind: "log", instance, number, bytes })
    this.#lastRecords.set(key, record.recordNumber)
  }

  /** Looks for a newer checkpoint. */
  async #noteCheckpoint(): Promise<void> {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const name = await this.#newestName()
      const known = this.#newest
      if (name === undefined) return
      if (known?.epoch === name.epoch && known.number === name.number) return
      try {
        const { header } = await this.begin.store.read(name.epoch, name.number)
        if (header === undefined) throw this.#unavailable("its newest checkpoint is damaged")
        this.#refuseOtherLine(header)
        await this.#relocations.note(header.files)
        this.#newest = header
        return
      } catch (error) {
        if (!isMissing(error)) throw error
      }
    }
    throw this.#unavailable("its checkpoints come too fast")
  }

  /**
   * A former owner's checkpoint may have come too late for this one, whose cleaner knows nothing of
   * the files in it. Then everything has to be read again.
   */
  #refuseOtherLine({ epoch, opened }: CheckpointHeader): void {
    const { owner, checkpoint } = this.begin
    if (checkpoint?.epoch === owner.epoch) return
    const isBegin = opened?.[0] === checkpoint?.epoch && opened?.[1] === checkpoint?.number
    if (epoch === owner.epoch && isBegin) return
    throw this.#unavailable("its owner began with another checkpoint")
  }

  /** Of this owner or those before: whoever comes later has sealed what this follower knows. */
  async #newestName(): Promise<CheckpointName | undefined> {
    let newest: CheckpointName | undefined
    for (const name of await this.parts.disk.list(this.parts.paths.shard(this.shard))) {
      const file = parseShardFile(name)
      if (file?.kind !== "checkpoint" || file.epoch > this.begin.owner.epoch) continue
      const { epoch, number } = file
      const older = newest !== undefined && (newest.epoch - epoch || newest.number - number) > 0
      if (!older) newest = { epoch, number }
    }
    return newest
  }

  /** Reads the last tail; it must be what the owner has said that it is. */
  async #readToEnd(epoch: Epoch): Promise<void> {
    const { disk, paths, ownership } = this.parts
    const { owner } = this.begin
    const note = await readClaim(disk, paths.claim(this.shard, epoch, ownership.instance))
    if (note?.epoch !== owner.epoch || note.instance !== owner.instance) {
      throw this.#unavailable("it was not handed over by the one who was followed")
    }
    await this.#readOn()
    const { recordNumber, crc } = this.#last
    if (note.end?.recordNumber === recordNumber && note.end.crc === crc) return
    throw this.#unavailable(`it ends at record ${note.end?.recordNumber}, not ${recordNumber}`)
  }

  async #recover(epoch: Epoch): Promise<Recovered> {
    const { shard, begin } = this
    const { owner, store, checkpoint } = begin
    const table = this.#table
    const files = this.#newest?.files ?? []
    this.#dropNeedless(files)
    const isSame = this.#newest === checkpoint
    if (!isSame) store.standAlone()
    const moved = isSame ? [] : this.#relocations.placements(table, files)
    const history = { records: this.#waiting.slice(this.#told), ...this.#last }
    const sealing = { shard, epoch, history, table, predecessor: owner }
    const records = await this.parts.recovery.seal(sealing, "move")
    if (isSame) await store.release()
    return {
      epoch,
      store,
      table,
      checkpointRecord: checkpoint?.recordNumber ?? 0,
      placements: moved,
      records,
      last: this.#last,
      tornBytes: 0,
      inherits: true,
      recount: (tenant) => recount(table, moved, tenant),
    }
  }

  /** Files that neither the newest checkpoint nor the records after it need: all that is wanted of
   * them lies elsewhere now, and they may be deleted at any moment. */
  #dropNeedless(files: readonly StoredFile[]): void {
    const named = new Set(files.map(({ ref }) => fileKey(ref)))
    const covered = this.#newest?.recordNumber ?? 0
    for (const entry of this.#table.entries) {
      const key = fileKey(entry.ref)
      if (named.has(key) || (this.#lastRecords.get(key) ?? 0) > covered) continue
      this.#table.remove(entry)
    }
  }

  #refuseWhenOver(): void {
    if (this.#over) throw this.#unavailable("it is not followed any more")
  }

  #unavailable(why: string) {
    const { shard } = this
    return skeinError("ShardUnavailable", `${shardName(shard)}: ${why}`, { shard })
  }

  #moved() {
    const { shard } = this
    return skeinError("Moved", `the token of ${shardName(shard)} is not here`, { shard })
  }
}

const beginWith = async (parts: FollowerParts, shard: Shard): Promise<Begin> => {
  const { disk, paths, ownership, scans } = parts
  const owner = await ownership.holder(shard)
  if (owner === undefined || owner.instance === ownership.instance) {
    const detail = `no other process owns ${shardName(shard)}`
    throw skeinError("ShardUnavailable", detail, { shard })
  }
  const tail = new LogTail(disk, paths, owner.instance, shard)
  const read = async (instance: string, of: Shard) => {
    if (instance !== owner.instance) return scans.read(instance, of)
    await tail.read()
    return tail
  }
  const store = new CheckpointStore(disk, paths, shard)
  const found = await findOwners({ disk, paths, scans: { read } }, shard, store, owner)
  const checkpoint = found.checkpoint?.header
  const serves =
    checkpoint?.epoch === owner.epoch || sealOf(tail.entries(), owner.epoch) !== undefined
  if (!serves) {
    throw skeinError("ShardUnavailable", `${shardName(shard)} is being opened`, { shard })
  }
  const { records, recordNumber, crc } = historyOf(shard, found)
  tail.forget()
  try {
    if (found.checkpoint !== undefined) store.use(found.checkpoint, found.all)
    await store.hold()
  } catch (error) {
    await store.release()
    throw error
  }
  return { owner, store, checkpoint, tail, records, last: { recordNumber, crc } }
}

/** What is wanted of files that the follower knows by their frames only. */
const recount = (table: FileTable, moved: readonly ReplayedFrame[], tenant: ShardTenant): void => {
  const live = new Map<number, number>()
  for (const frame of moved) {
    const id = fileIdOf(frame.location)
    const bytes = isAt(tenant, frame, frame.location) ? frame.bytes : 0
    live.set(id, (live.get(id) ?? 0) + bytes)
  }
  for (const [id, bytes] of live) {
    const entry = table.byId(id)
    if (entry !== undefined) entry.liveBytes = bytes
  }
}

const isAt = (tenant: ShardTenant, frame: ReplayedFrame, location: Location): boolean =>
  tenant.locate(frame) === location
