/**
 * Owns: telling one process of this host from another, also when its pid is used again: by the time
 * at which the kernel started it, the boot, and the space that its pid is counted in (a container).
 * Must not know: directories, nodes.
 */
import { readFileSync, readlinkSync } from "node:fs"
import { hostname } from "node:os"

export interface ProcessMark {
  readonly host: string
  readonly pid: number
  /** In ticks since the boot; "": the system does not say, as with the next two. */
  readonly start: string
  readonly boot: string
  readonly pidSpace: string
}

/** `undefined`: it cannot be told from here. */
export type ProcessRuns = (mark: ProcessMark) => boolean | undefined

export const ownMark = (): ProcessMark => ({
  host: hostname(),
  pid: process.pid,
  start: startOf(process.pid) ?? "",
  boot: orEmpty(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()),
  pidSpace: orEmpty(() => readlinkSync("/proc/self/ns/pid")),
})

/** Looks at the processes of this host. A pid that somebody else has now does not count. */
export const processRuns = (own: ProcessMark): ProcessRuns => {
  const sees = (mark: ProcessMark) =>
    mark.boot === own.boot && mark.pidSpace === own.pidSpace && mark.host === own.host
  return (mark) => {
    // Data directories are local: another boot of one host was before this one.
    if (mark.host === own.host && mark.boot !== own.boot) return false
    if (!sees(mark)) return undefined
    if (!hasPid(mark.pid)) return false
    if (mark.start === "") return true
    const start = startOf(mark.pid)
    // It ended between the two looks.
    return start === undefined ? hasPid(mark.pid) : start === mark.start
  }
}

const hasPid = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** "ended": nobody has waited for it yet. `undefined`: no such process, or no such file system. */
const startOf = (pid: number): string | undefined => {
  const stat = orEmpty(() => readFileSync(`/proc/${pid}/stat`, "latin1"))
  // The second field is the program's name in brackets, with whatever is in it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  if (stat === "" || fields.length < 20) return undefined
  return fields[0] === "Z" || fields[0] === "X" ? "ended" : fields[19]
}

const orEmpty = (read: () => string): string => {
  try {
    return read()
  } catch {
    return ""
  }
}
