/**
 * Reads CPU time and memory of a broker's process trees, from outside of them. On Linux from
 * /proc: the kernel keeps the peak itself (VmHWM), so nothing runs between two readings and the
 * load generator is not disturbed. Elsewhere from `ps` once a second; where neither answers the
 * figures are null and the table shows "-".
 */
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { parseProcStat, parsePs, parseStatusKiB, type Usage, withDescendants } from "./procStat.js"

const psSampleMs = 1000
/** Linux reports CPU time in ticks of a hundredth of a second to every program (USER_HZ). */
const ticksPerSecond = 100
const isLinux = existsSync("/proc/self/stat")

interface Reading {
  readonly usages: readonly Usage[]
  readonly peakKiB: number
}

export class ProcessSampler {
  private readonly timer: NodeJS.Timeout | undefined
  private readonly pids: readonly number[]
  private peakKiB = 0

  /** Follows the processes that are descendants of `roots` now: brokers fork at start only. */
  constructor(private readonly roots: readonly number[]) {
    this.pids = isLinux ? descendants(roots) : []
    if (isLinux) return
    this.timer = setInterval(() => this.read(), psSampleMs)
    this.timer.unref()
  }

  /** CPU seconds of all processes since their start; null when this machine does not tell. */
  cpuSeconds(): number | null {
    const usages = this.read()
    return usages.length === 0 ? null : usages.reduce((sum, usage) => sum + usage.cpuSeconds, 0)
  }

  /** Memory held at this moment, MiB. */
  rssMiB(): number | null {
    const usages = this.read()
    return usages.length === 0 ? null : usages.reduce((sum, u) => sum + u.rssKiB, 0) / 1024
  }

  /** Sum of the processes' peaks so far, MiB. Read it before the broker ends. */
  rssMaxMiB(): number | null {
    this.read()
    return this.peakKiB === 0 ? null : this.peakKiB / 1024
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private read(): readonly Usage[] {
    const reading = isLinux ? fromProc(this.pids) : fromPs(this.roots)
    this.peakKiB = Math.max(this.peakKiB, reading.peakKiB)
    return reading.usages
  }
}

const descendants = (roots: readonly number[]): readonly number[] => {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => textOf(`/proc/${name}/stat`))
    .map(parseProcStat)
  return withDescendants(all, roots).map(({ pid }) => pid)
}

const fromProc = (pids: readonly number[]): Reading => {
  let peakKiB = 0
  const usages = pids.flatMap((pid) => {
    const [stat] = textOf(`/proc/${pid}/stat`)
    const [status] = textOf(`/proc/${pid}/status`)
    if (stat === undefined || status === undefined) return []
    const { parent, cpuTicks } = parseProcStat(stat)
    peakKiB += parseStatusKiB(status, "VmHWM")
    const rssKiB = parseStatusKiB(status, "VmRSS")
    return [{ pid, parent, cpuSeconds: cpuTicks / ticksPerSecond, rssKiB }]
  })
  return { usages, peakKiB }
}

const fromPs = (roots: readonly number[]): Reading => {
  try {
    const text = execFileSync("ps", ["-A", "-o", "pid=,ppid=,rss=,time="], { encoding: "utf8" })
    const usages = withDescendants(parsePs(text), roots)
    return { usages, peakKiB: usages.reduce((sum, usage) => sum + usage.rssKiB, 0) }
  } catch {
    return { usages: [], peakKiB: 0 }
  }
}

/** Zero or one text: a process may end between listing and reading. */
const textOf = (file: string): string[] => {
  try {
    return [readFileSync(file, "latin1")]
  } catch {
    return []
  }
}
