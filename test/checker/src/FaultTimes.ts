/**
 * I11, and what a fault did: publishes set against the moments at which the harness broke and
 * healed the fabric. Knows faults by name only.
 *
 *   fault     |=====|                    |==|
 *   quiet           |--------------------|  |------
 *   publish      |-------------|                     waited in quiet: must be within the limit
 */
import type { Evidence } from "./Checker.js"
import type { FaultRecord } from "./LogRecord.js"
import { Fact } from "./MessageTable.js"
import type { FaultSeen } from "./Verdict.js"

interface Fault {
  readonly name: string
  readonly victim: string | undefined
  readonly limitNs: number
  readonly fromNs: number
  untilNs: number
}

export class FaultTimes {
  readonly #faults = new Map<string, Fault>()

  /** Records of one fault in their order. */
  add(record: FaultRecord): void {
    const { process, counter, name, victim, limitNs, timeNs } = record
    const key = `${process}/${counter}`
    const known = this.#faults.get(key)
    if (known !== undefined) known.untilNs = timeNs
    else {
      const fromNs = timeNs
      this.#faults.set(key, { name, victim, limitNs, fromNs, untilNs: Number.POSITIVE_INFINITY })
    }
  }

  all(): ReadonlyArray<Fault> {
    return [...this.#faults.values()].sort((left, right) => left.fromNs - right.fromNs)
  }
}

interface Quiet {
  readonly fromNs: number
  readonly untilNs: number
  readonly limitNs: number
}

/** The times after a fault and before the next one. */
const quietTimes = (faults: ReadonlyArray<Fault>): ReadonlyArray<Quiet> => {
  const quiet: Array<Quiet> = []
  let fromNs = 0
  faults.forEach((fault, index) => {
    fromNs = Math.max(fromNs, fault.untilNs)
    const untilNs = faults[index + 1]?.fromNs ?? Number.POSITIVE_INFINITY
    if (fromNs < untilNs) quiet.push({ fromNs, untilNs, limitNs: fault.limitNs })
  })
  return quiet
}

/** Gathers the times of all publishes in one pass, then tells what each fault did. */
export class PublishTimes {
  readonly #faults: ReadonlyArray<Fault>
  readonly #quiet: ReadonlyArray<Quiet>
  readonly #limitNsMin: number
  readonly #killedNs = new Map<string, number>()
  readonly #sent: Array<number> = []
  readonly #ended: Array<number> = []
  readonly #confirms: Array<Array<number>> = []

  constructor(readonly evidence: Evidence) {
    this.#faults = evidence.faults.all()
    this.#quiet = quietTimes(this.#faults)
    this.#limitNsMin = Math.min(...this.#quiet.map(({ limitNs }) => limitNs))
    for (const { victim, fromNs } of this.#faults) {
      if (victim !== undefined) this.#killedNs.set(victim, fromNs)
    }
  }

  /** Rows process after process, in publish order. */
  see(row: number, id: string, process: string): void {
    const { table } = this.evidence
    if (this.#faults.length === 0 || !table.has(row, Fact.invoked)) return
    const sentNs = table.invokedAt.get(row)
    const endedNs = this.#endOf(row, process)
    this.#sent.push(sentNs)
    this.#ended.push(endedNs)
    if (endedNs - sentNs > this.#limitNsMin) this.#judge(id, sentNs, endedNs)
    if (!table.has(row, Fact.confirmed)) return
    const queue = table.queue.get(row)
    this.#confirms[queue] ??= []
    const confirms = this.#confirms[queue]
    // A batch is confirmed at one moment: it is kept once.
    if (confirms.at(-1) !== endedNs) confirms.push(endedNs)
  }

  seen(): ReadonlyArray<FaultSeen> {
    const ascending = (times: ReadonlyArray<number>) => Float64Array.from(times).sort()
    const [sent, ended] = [ascending(this.#sent), ascending(this.#ended)]
    const confirms = this.#confirms.map(ascending)
    return this.#faults.map(({ name, fromNs, untilNs }, index) => {
      const nextNs = this.#faults[index + 1]?.fromNs ?? Number.POSITIVE_INFINITY
      const gaps = confirms.map((times) => longestGap(times, fromNs, nextNs))
      return {
        name,
        atMs: Math.round(fromNs / 1e6),
        forMs: Math.round((untilNs - fromNs) / 1e6),
        inFlight: countUpTo(sent, fromNs) - countUpTo(ended, fromNs),
        withoutConfirmMs: Math.round(Math.max(0, ...gaps) / 1e6),
      }
    })
  }

  /** Of a publish that never ended: when its process did, a moment after the fault if by one. */
  #endOf(row: number, process: string): number {
    const endedNs = this.evidence.table.endedAt.get(row)
    if (endedNs > 0) return endedNs
    const killedNs = this.#killedNs.get(process)
    return killedNs === undefined ? (this.evidence.lastTimeNs.get(process) ?? 0) : killedNs + 1
  }

  #judge(id: string, sentNs: number, endedNs: number): void {
    for (const { fromNs, untilNs, limitNs } of this.#quiet) {
      const waitedNs = Math.min(endedNs, untilNs) - Math.max(sentNs, fromNs)
      if (waitedNs <= limitNs) continue
      const text = `${id}: ${Math.round(waitedNs / 1e6)} ms, limit ${Math.round(limitNs / 1e6)} ms`
      this.evidence.findings.add("unavailable", text)
      return
    }
  }
}

/** How many of the ascending times are at most `limit`. */
const countUpTo = (times: Float64Array, limit: number): number => {
  let [low, high] = [0, times.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle] <= limit) low = middle + 1
    else high = middle
  }
  return low
}

/** Longest time between two neighbours, or from `fromNs` to the first, that begins in between. */
const longestGap = (times: Float64Array, fromNs: number, untilNs: number): number => {
  let longest = 0
  let before = fromNs
  for (let index = countUpTo(times, fromNs); index < times.length; index++) {
    longest = Math.max(longest, times[index] - before)
    before = times[index]
    if (before >= untilNs) break
  }
  return longest
}
