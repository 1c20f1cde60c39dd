/**
 * Owns: opening a data directory: it is local, writable and ours, nobody alive uses it, the fabric
 * exists or is created, and this process's log is ready before it may claim anything.
 */
import { hostname } from "node:os"
import { resolve } from "node:path"
import type { Disk } from "@skein/journal"
import { newInstanceId, systemClock, systemRandom } from "@skein/journal"
import type { Clock, InstanceId, Random } from "@skein/model"
import { invariant, limits } from "@skein/model"
import { AliveFile } from "./AliveFile.js"
import { refuseWhenInUse } from "./AliveWatch.js"
import { CommitLog } from "./CommitLog.js"
import { createFabric, makeUsable, readFabric, unusable } from "./FabricFile.js"
import { fileDisk } from "./FileDisk.js"
import { FileHandles } from "./FileHandles.js"
import { FileJournal } from "./FileJournal.js"
import { fileOwnership } from "./FileOwnership.js"
import { FrameCache } from "./FrameCache.js"
import { FrameReader } from "./FrameReader.js"
import { growthDisk } from "./GrowthDisk.js"
import { isInstanceId, paths as pathsOf } from "./Layout.js"
import { fileBytesMax } from "./Location.js"
import { LogScans } from "./LogScans.js"
import { cleanerBytes, Reservation } from "./Reservation.js"
import { SegmentSupply } from "./SegmentSupply.js"

export interface FileJournalOptions {
  /** The data directory; created when missing. */
  readonly dir: string
  /** Default: the local file system. */
  readonly disk?: Disk
  readonly clock?: Clock
  readonly random?: Random
  /** New at every start of a process. Default: random. */
  readonly instance?: InstanceId
  /** Shown to whoever finds the directory in use. */
  readonly nodeName?: string
  /** How many shards a fabric gets that is created now; one that exists keeps its own. */
  readonly shards?: number
  /** Size of a log segment. Default: `limits.logSegmentBytes`. At most 64 MiB. */
  readonly segmentBytes?: number
  /** The cleaner begins at half of it. Default: `limits.logUncleanedBytesMax`. */
  readonly uncleanedBytesMax?: number
  /** Memory for frames. Default: `limits.bodyCacheBytesMax`. */
  readonly cacheBytesMax?: number
  /** Whether a process runs on this host. Default: signal 0. */
  readonly processRuns?: (pid: number) => boolean
  /** `true`: other processes may use the directory too; the tokens alone decide. Default: false. */
  readonly shared?: boolean
}

/** Opens the journal of a directory, or fails with DirectoryForeign, -InUse or -Unusable. */
export const openFileJournal = async (options: FileJournalOptions): Promise<FileJournal> => {
  let reservation: Reservation | undefined
  const disk = growthDisk(options.disk ?? fileDisk(), (bytes) => reservation?.spend(bytes))
  const clock = options.clock ?? systemClock
  const random = options.random ?? systemRandom
  const instance = options.instance ?? newInstanceId(random)
  invariant(isInstanceId(instance), "an instance id is a safe file name")
  const segmentBytes = options.segmentBytes ?? limits.logSegmentBytes
  invariant(segmentBytes <= fileBytesMax, "a location holds offsets up to 64 MiB")
  const uncleanedBytesMax = options.uncleanedBytesMax ?? limits.logUncleanedBytesMax
  const paths = pathsOf(resolve(options.dir))
  await makeUsable(disk, paths)
  const existing = await readFabric(disk, paths)
  const alive = await startAlive(options, disk, clock, instance)
  try {
    const fabric = existing ?? {
      fabricId: Buffer.from(random.bytes(16)).toString("hex"),
      shards: options.shards ?? limits.shardsDefault,
    }
    if (existing === undefined) await createFabric(disk, paths, instance, fabric)
    await disk.makeDirectory(paths.log(instance))
    const sparesMax = Math.floor(uncleanedBytesMax / segmentBytes)
    const kept = cleanerBytes(uncleanedBytesMax, segmentBytes)
    const supply = new SegmentSupply(disk, paths, instance, segmentBytes, sparesMax, kept)
    const firstBytes = Math.min(segmentBytes, Math.max(segmentBytes / 8, 64 * 1024))
    const log = new CommitLog(supply, clock, firstBytes)
    await log.open()
    reservation = new Reservation(
      () => log.preparedBytes,
      segmentBytes,
      uncleanedBytesMax,
      await disk.freeBytes(paths.dir),
    )
    const cache = new FrameCache(options.cacheBytesMax)
    await alive.update({ state: "serving" })
    return new FileJournal({
      disk,
      paths,
      clock,
      ...fabric,
      instance,
      ownership: fileOwnership(disk, paths, instance),
      log,
      cache,
      reader: new FrameReader(new FileHandles(disk), cache),
      reservation,
      alive,
      scans: new LogScans(disk, paths, clock),
      uncleanedBytesMax,
      segmentBytes,
      freeBytesKept: kept,
    })
  } catch (error) {
    await alive.close().catch(() => {})
    throw unusable(paths.dir, error)
  }
}

const startAlive = async (
  options: FileJournalOptions,
  disk: Disk,
  clock: Clock,
  instance: InstanceId,
): Promise<AliveFile> => {
  const paths = pathsOf(resolve(options.dir))
  const host = hostname()
  const note = {
    instance,
    pid: process.pid,
    host,
    node: options.nodeName ?? "",
    address: "",
    sinceMs: clock.wallMs(),
    state: "starting",
  } as const
  let alive: AliveFile
  try {
    alive = await AliveFile.create(disk, paths, clock, note)
  } catch (error) {
    throw unusable(paths.dir, error)
  }
  if (options.shared === true) return alive
  const processRuns = options.processRuns ?? runsHere
  try {
    const silent = await refuseWhenInUse({ disk, paths, clock, own: instance, host, processRuns })
    for (const dead of silent) await disk.unlink(paths.aliveFile(dead)).catch(() => {})
    return alive
  } catch (error) {
    await alive.close().catch(() => {})
    throw error
  }
}

/** A hint only: EPERM says that it runs and belongs to somebody else. */
const runsHere = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}
