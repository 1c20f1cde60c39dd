/**
 * Owns: opening a data directory: it is local, writable and ours, nobody alive uses it, the fabric
 * exists or is created, and this process's log is ready before it may claim anything.
 */
import { resolve } from "node:path"
import type { Disk, Failpoints } from "@skein/journal"
import { newInstanceId, noFailpoints, systemClock, systemRandom } from "@skein/journal"
import type { Clock, Epoch, InstanceId, Random, SkeinError } from "@skein/model"
import { invariant, limits, skeinError } from "@skein/model"
import { AliveFile } from "./AliveFile.js"
import { refuseWhenInUse } from "./AliveWatch.js"
import { CommitLog } from "./CommitLog.js"
import {
  createFabric,
  type Fabric,
  makeUsable,
  readFabric,
  undoFabric,
  unusable,
} from "./FabricFile.js"
import { fileDisk } from "./FileDisk.js"
import { FileHandles } from "./FileHandles.js"
import { FileJournal } from "./FileJournal.js"
import { fileManagerToken } from "./FileManagerToken.js"
import { FileMembership } from "./FileMembership.js"
import { fileOwnership } from "./FileOwnership.js"
import { FileTableStore, firstTableToken } from "./FileTableStore.js"
import { FrameCache } from "./FrameCache.js"
import { FrameReader } from "./FrameReader.js"
import { growthDisk } from "./GrowthDisk.js"
import { isInstanceId, type Paths, paths as pathsOf } from "./Layout.js"
import { fileBytesMax } from "./Location.js"
import { LogScans } from "./LogScans.js"
import { ownMark, type ProcessRuns, processRuns } from "./ProcessMark.js"
import { cleanerBytes, firstSegmentBytes, leastBytes, Reservation } from "./Reservation.js"
import { refuseUnfinishedRestore } from "./RestoreMark.js"
import { SegmentSupply } from "./SegmentSupply.js"
import { firstToken, makeDirectoryWith } from "./TokenDirectory.js"

export interface FileJournalOptions {
  /** The data directory; created when missing. */
  readonly dir: string
  /** Default: the local file system. */
  readonly disk?: Disk
  readonly clock?: Clock
  readonly random?: Random
  /** New at every start of a process. Default: random. */
  readonly instance?: InstanceId
  /** The node's name. Of a shared directory's living nodes no two have one name. Default: "". */
  readonly nodeName?: string
  /** How many shards a fabric gets that is created now; one that exists keeps its own. */
  readonly shards?: number
  /** Size of a log segment. Default: `limits.logSegmentBytes`. At most 64 MiB. */
  readonly segmentBytes?: number
  /** The cleaner begins at half of it. Default: `limits.logUncleanedBytesMax`. */
  readonly uncleanedBytesMax?: number
  /** Memory for frames. Default: `limits.bodyCacheBytesMax`. */
  readonly cacheBytesMax?: number
  /** Whether a process runs on this host. Default: by its pid and what else tells it apart. */
  readonly processRuns?: ProcessRuns
  /** `true`: other processes may use the directory too; the tokens alone decide. Default: false. */
  readonly shared?: boolean
  /**
   * A backup is being restored into the directory: its mark is no reason to refuse. The shards of a
   * fabric that is created now begin with epochs above these. Default: none is.
   */
  readonly restoring?: { readonly epochs: readonly Epoch[] }
  /** For tests: told of the steps of commits, takeovers and moves. Default: nobody is. */
  readonly failpoints?: Failpoints
}

/**
 * Opens the journal of a directory, or fails with DirectoryForeign, -InUse, -Unusable or
 * RestoreUnfinished, and with DiskFull when there is too little room to begin: then no new fabric
 * is left in the directory. Shared: also with NodeNameInUse, and with ConfigInvalid when the fabric
 * has another number of shards.
 */
export const openFileJournal = async (options: FileJournalOptions): Promise<FileJournal> => {
  let reservation: Reservation | undefined
  const disk = growthDisk(options.disk ?? fileDisk(), (bytes) => reservation?.spend(bytes))
  const clock = options.clock ?? systemClock
  const random = options.random ?? systemRandom
  const failpoints = options.failpoints ?? noFailpoints
  const instance = options.instance ?? newInstanceId(random)
  invariant(isInstanceId(instance), "an instance id is a safe file name")
  const segmentBytes = options.segmentBytes ?? limits.logSegmentBytes
  invariant(segmentBytes <= fileBytesMax, "a location holds offsets up to 64 MiB")
  const uncleanedBytesMax = options.uncleanedBytesMax ?? limits.logUncleanedBytesMax
  const paths = pathsOf(resolve(options.dir))
  const isNew = !existsNow(disk, paths)
  await makeUsable(disk, paths)
  if (options.restoring === undefined) refuseUnfinishedRestore(disk, paths)
  const existing = await readFabric(disk, paths)
  if (existing !== undefined) refuseOtherShards(options, paths, existing)
  const firstBytes = firstSegmentBytes(segmentBytes)
  const least = existing === undefined ? leastBytes(uncleanedBytesMax, segmentBytes) : firstBytes
  await refuseWithoutRoom(disk, paths, least, isNew)
  const runs = options.processRuns ?? processRuns(ownMark())
  const alive = await startAlive(options, disk, clock, instance, runs)
  const membership = new FileMembership({ disk, paths, clock, alive, processRuns: runs })
  const tables = new FileTableStore(disk, paths, clock, instance)
  let log: CommitLog | undefined
  try {
    const fabric = existing ?? (await makeFabric(options, disk, paths, random, instance))
    await makePlaces(disk, paths, instance)
    const sparesMax = Math.floor(uncleanedBytesMax / segmentBytes)
    const kept = cleanerBytes(uncleanedBytesMax, segmentBytes)
    const supply = new SegmentSupply(disk, paths, instance, segmentBytes, sparesMax, kept)
    log = new CommitLog(supply, clock, firstBytes, failpoints)
    await log.open()
    const freeBytes = await disk.freeBytes(paths.dir)
    reservation = new Reservation(log, segmentBytes, uncleanedBytesMax, freeBytes)
    const cache = new FrameCache(options.cacheBytesMax)
    await alive.update({ state: "serving" })
    if (options.shared === true) await membership.start()
    return new FileJournal({
      disk,
      paths,
      clock,
      ...fabric,
      instance,
      ownership: fileOwnership(disk, paths, instance, failpoints),
      log,
      cache,
      reader: new FrameReader(new FileHandles(disk), cache),
      reservation,
      alive,
      membership,
      tables,
      managerToken: fileManagerToken(disk, paths, instance),
      shared: options.shared === true,
      scans: new LogScans(disk, paths, clock),
      uncleanedBytesMax,
      segmentBytes,
      freeBytesKept: kept,
      failpoints,
      isRestoring: options.restoring !== undefined,
    })
  } catch (error) {
    await log?.close().catch(() => {})
    await membership.close()
    await alive.close().catch(() => {})
    throw await undone(options, disk, paths, error, existing === undefined, isNew)
  }
}

/** For the tokens of manager and table, and for this process's log. */
const makePlaces = async (disk: Disk, paths: Paths, instance: InstanceId): Promise<void> => {
  await makeDirectoryWith(disk, paths.manager, instance, firstToken)
  await makeDirectoryWith(disk, paths.table, instance, firstTableToken)
  await disk.makeDirectory(paths.log(instance))
}

/** Where others may have joined a new fabric meanwhile, it is left to them. */
const undone = async (
  { shared }: FileJournalOptions,
  disk: Disk,
  paths: Paths,
  error: unknown,
  isNewFabric: boolean,
  isNew: boolean,
): Promise<SkeinError> => {
  const why = unusable(paths.dir, error)
  if (why._tag === "DiskFull" && isNewFabric && shared !== true) {
    await undoFabric(disk, paths, isNew).catch(() => {})
  }
  return why
}

const existsNow = (disk: Disk, paths: Paths): boolean => {
  try {
    return disk.existsSync(paths.dir)
  } catch (error) {
    throw unusable(paths.dir, error)
  }
}

/** Before anything is written, but for the directory itself where it is new. */
const refuseWithoutRoom = async (
  disk: Disk,
  paths: Paths,
  wantedBytes: number,
  isNew: boolean,
): Promise<void> => {
  let freeBytes: number
  try {
    freeBytes = await disk.freeBytes(paths.dir)
  } catch (error) {
    throw unusable(paths.dir, error)
  }
  if (freeBytes >= wantedBytes) return
  if (isNew) await disk.removeDirectory(paths.dir).catch(() => {})
  const detail = `${paths.dir}: ${freeBytes} bytes are free, ${wantedBytes} are wanted to begin`
  throw skeinError("DiskFull", detail, { freeBytes, wantedBytes })
}

const makeFabric = async (
  options: FileJournalOptions,
  disk: Disk,
  paths: Paths,
  random: Random,
  instance: InstanceId,
): Promise<Fabric> => {
  const fabricId = Buffer.from(random.bytes(16)).toString("hex")
  const shards = options.shards ?? limits.shardsDefault
  const epochs = options.restoring?.epochs
  const fabric = await createFabric(disk, paths, instance, { fabricId, shards }, epochs)
  refuseOtherShards(options, paths, fabric)
  return fabric
}

/** Nodes of one fabric are set up alike, or somebody has mixed up directories. */
const refuseOtherShards = (options: FileJournalOptions, paths: Paths, fabric: Fabric): void => {
  const { shared, shards } = options
  if (shared !== true || shards === undefined || shards === fabric.shards) return
  const detail = `${paths.dir} has ${fabric.shards} shards, not ${shards}`
  throw skeinError("ConfigInvalid", detail, { shards: fabric.shards })
}

const startAlive = async (
  options: FileJournalOptions,
  disk: Disk,
  clock: Clock,
  instance: InstanceId,
  runs: ProcessRuns,
): Promise<AliveFile> => {
  const paths = pathsOf(resolve(options.dir))
  const note = {
    ...ownMark(),
    instance,
    node: options.nodeName ?? "",
    address: "",
    sinceMs: clock.wallMs(),
    state: "starting",
    shared: options.shared === true,
  } as const
  let alive: AliveFile
  try {
    alive = await AliveFile.create(disk, paths, clock, note)
  } catch (error) {
    throw unusable(paths.dir, error)
  }
  try {
    const gone = await refuseWhenInUse({ disk, paths, clock, own: note, processRuns: runs })
    // With others about, the one who tidies up does this.
    if (options.shared === true) return alive
    for (const dead of gone) await disk.unlink(paths.aliveFile(dead)).catch(() => {})
    return alive
  } catch (error) {
    await alive.close().catch(() => {})
    throw error
  }
}
