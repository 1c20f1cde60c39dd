/**
 * Owns: finding out whether another process uses the directory now. By the watcher's own monotonic
 * clock and the other's counter: its wall clock does not matter. A dead pid on this host spares the
 * wait, nothing more. Two that start at the same time: the lower instance id goes on.
 */
import type { Disk } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Clock, InstanceId } from "@skein/model"
import { limits, skeinError } from "@skein/model"
import { type AliveNote, lookAtAlive } from "./AliveFile.js"
import { isInstanceId, type Paths } from "./Layout.js"

export interface WatchOptions {
  readonly disk: Disk
  readonly paths: Paths
  readonly clock: Clock
  readonly own: InstanceId
  readonly host: string
  /** Whether a process with this id runs on this host. */
  readonly processRuns: (pid: number) => boolean
}

/** Resolves with the instances that have fallen silent; DirectoryInUse names a living one. */
export const refuseWhenInUse = async (options: WatchOptions): Promise<InstanceId[]> => {
  const silent: InstanceId[] = []
  await Promise.all(
    (await aliveInstances(options)).map(async (instance) => {
      const living = await watch(options, instance)
      if (living === undefined) silent.push(instance)
      else throw inUse(options.paths, living)
    }),
  )
  return silent
}

const aliveInstances = async ({ disk, paths, own }: WatchOptions): Promise<InstanceId[]> => {
  try {
    const names = await disk.list(paths.alive)
    return names.filter((name) => isInstanceId(name) && name !== own)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

type Living = Partial<AliveNote>

const watch = async (options: WatchOptions, instance: InstanceId): Promise<Living | undefined> => {
  const { disk, paths, clock, own, host, processRuns } = options
  let last = await lookAtAlive(disk, paths, instance)
  const startedMs = clock.monotonicMs()
  let movedMs = startedMs
  for (;;) {
    if (last === undefined) return undefined
    const note = last.note
    if (note?.host === host && !processRuns(note.pid)) return undefined
    if (clock.monotonicMs() - movedMs >= limits.silenceAfterMs) return undefined
    await new Promise<void>((resolve) => {
      clock.setTimer(limits.aliveEveryMs / 3, resolve)
    })
    const next = await lookAtAlive(disk, paths, instance)
    const moved = next !== undefined && next.raw !== last.raw
    last = next
    if (!moved) continue
    movedMs = clock.monotonicMs()
    const yields = next.note?.state === "starting" && instance > own
    if (!yields) return next.note ?? { instance }
    // The other is starting too and will see us: it gives up, or falls silent.
    if (movedMs - startedMs > 10 * limits.silenceAfterMs) return next.note
  }
}

const inUse = (paths: Paths, { instance, pid, node, address, sinceMs }: Living) => {
  const who = [
    node === undefined || node === "" ? "a node" : `node ${node}`,
    pid === undefined ? "" : `pid ${pid}`,
    address === undefined || address === "" ? "" : `at ${address}`,
    sinceMs === undefined ? "" : `since ${new Date(sinceMs).toISOString()}`,
  ]
  return skeinError(
    "DirectoryInUse",
    `${paths.dir} is in use by ${who.filter(Boolean).join(", ")}`,
    {
      ...(pid === undefined ? {} : { pid }),
      ...(address === undefined ? {} : { address }),
      ...(sinceMs === undefined ? {} : { sinceMs }),
      ...(instance === undefined ? {} : { instance }),
    },
  )
}
