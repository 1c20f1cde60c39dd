/**
 * Owns: finding out whether another process uses the directory now in a way that this one cannot
 * live with: alone, or under the same name. By the watcher's own monotonic clock and the other's
 * counter: its wall clock does not matter. A process that is gone spares the wait, nothing more.
 * Two that start at the same time: the lower instance id goes on.
 */
import type { Disk } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Clock, InstanceId } from "@skein/model"
import { limits, type SkeinError, skeinError } from "@skein/model"
import { type AliveNote, lookAtAlive } from "./AliveFile.js"
import { isInstanceId, type Paths } from "./Layout.js"
import type { ProcessRuns } from "./ProcessMark.js"

export interface WatchOptions {
  readonly disk: Disk
  readonly paths: Paths
  readonly clock: Clock
  readonly own: AliveNote
  readonly processRuns: ProcessRuns
}

/**
 * Resolves with the instances that nobody will come back to. DirectoryInUse or NodeNameInUse names
 * a living one that is in the way.
 */
export const refuseWhenInUse = async (options: WatchOptions): Promise<InstanceId[]> => {
  const gone: InstanceId[] = []
  await Promise.all(
    (await aliveInstances(options)).map(async (instance) => {
      const found = await watch(options, instance)
      if (found === "gone") gone.push(instance)
      else if (found !== "no conflict") throw inTheWay(options, found)
    }),
  )
  return gone
}

/**
 * A file that cannot be read yet belongs to one that has not looked for others yet: it will find
 * this one, so who shares leaves the decision to it. Who wants to be alone waits and sees.
 */
const conflicts = (own: AliveNote, other: AliveNote | undefined): boolean =>
  !own.shared || (other !== undefined && (!other.shared || isNamesake(own, other)))

const isNamesake = (own: AliveNote, other: Living): boolean =>
  own.node !== "" && own.node === other.node

const aliveInstances = async ({ disk, paths, own }: WatchOptions): Promise<InstanceId[]> => {
  try {
    const names = await disk.list(paths.alive)
    return names.filter((name) => isInstanceId(name) && name !== own.instance)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

type Living = Partial<AliveNote>

const watch = async (
  options: WatchOptions,
  instance: InstanceId,
): Promise<Living | "gone" | "no conflict"> => {
  const { disk, paths, clock, own, processRuns } = options
  let last = await lookAtAlive(disk, paths, instance)
  const startedMs = clock.monotonicMs()
  let movedMs = startedMs
  for (;;) {
    if (last === undefined) return "no conflict"
    const { note } = last
    const runs = note === undefined ? undefined : processRuns(note)
    if (runs === false) return "gone"
    if (!conflicts(own, note)) return "no conflict"
    // One that is only stopped will want its files when it goes on.
    if (clock.monotonicMs() - movedMs >= limits.silenceAfterMs) {
      return runs === true ? "no conflict" : "gone"
    }
    await new Promise<void>((resolve) => {
      clock.setTimer(limits.aliveEveryMs / 3, resolve)
    })
    const next = await lookAtAlive(disk, paths, instance)
    const moved = next !== undefined && next.raw !== last.raw
    last = next
    if (!moved) continue
    movedMs = clock.monotonicMs()
    // It was seen before it had written its first note.
    if (!conflicts(own, next.note)) continue
    const yields = next.note?.state === "starting" && instance > own.instance
    if (!yields) return next.note ?? { instance }
    // The other is starting too and will see us: it gives up, or falls silent.
    if (movedMs - startedMs > 10 * limits.silenceAfterMs) return next.note
  }
}

const inTheWay = ({ paths, own }: WatchOptions, living: Living): SkeinError => {
  const { instance, pid, node, address, sinceMs, shared } = living
  const who = [
    node === undefined || node === "" ? "a node" : `node ${node}`,
    pid === undefined ? "" : `pid ${pid}`,
    address === undefined || address === "" ? "" : `at ${address}`,
    sinceMs === undefined ? "" : `since ${new Date(sinceMs).toISOString()}`,
  ]
  const holder = who.filter(Boolean).join(", ")
  const data = {
    ...(pid === undefined ? {} : { pid }),
    ...(address === undefined ? {} : { address }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(instance === undefined ? {} : { instance }),
  }
  if (own.shared && shared === true && isNamesake(own, living)) {
    return skeinError("NodeNameInUse", `${paths.dir} has a living ${holder}`, data)
  }
  return skeinError("DirectoryInUse", `${paths.dir} is in use by ${holder}`, data)
}
