/** Reads the text of /proc files and of `ps`. Pure: text in, numbers out. */

export interface ProcStat {
  readonly pid: number
  readonly parent: number
  readonly cpuTicks: number
}

export interface Usage {
  readonly pid: number
  readonly parent: number
  readonly cpuSeconds: number
  readonly rssKiB: number
}

/** `/proc/PID/stat`. The name may hold spaces and brackets: fields count from the last ")". */
export const parseProcStat = (text: string): ProcStat => {
  const close = text.lastIndexOf(")")
  const fields = text.slice(close + 2).split(" ")
  return {
    pid: Number(text.slice(0, text.indexOf(" "))),
    parent: Number(fields[1]),
    cpuTicks: Number(fields[11]) + Number(fields[12]),
  }
}

/** A `kB` line of `/proc/PID/status`, such as VmHWM (peak) or VmRSS (now); 0 when it is missing. */
export const parseStatusKiB = (text: string, key: string): number =>
  Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0)

/** `[[dd-]hh:]mm:ss[.cc]` as `ps -o time=` prints it, in seconds. */
export const parsePsTime = (text: string): number => {
  const [clock, days] = text.trim().split("-").reverse()
  const parts = clock!.split(":").map(Number)
  return parts.reduce((sum, part) => sum * 60 + part, 0) + Number(days ?? 0) * 86_400
}

/** Lines of `ps -A -o pid=,ppid=,rss=,time=` (rss in KiB). */
export const parsePs = (text: string): readonly Usage[] =>
  text
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length === 4)
    .map(([pid, parent, rss, time]) => ({
      pid: Number(pid),
      parent: Number(parent),
      rssKiB: Number(rss),
      cpuSeconds: parsePsTime(time!),
    }))

/** The roots and everything below them. */
export const withDescendants = <P extends { readonly pid: number; readonly parent: number }>(
  processes: readonly P[],
  roots: readonly number[],
): readonly P[] => {
  const wanted = new Set(roots)
  for (let grown = true; grown; ) {
    grown = false
    for (const { pid, parent } of processes) {
      if (!wanted.has(parent) || wanted.has(pid)) continue
      wanted.add(pid)
      grown = true
    }
  }
  return processes.filter(({ pid }) => wanted.has(pid))
}
