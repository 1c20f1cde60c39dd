/** What a figure is: an asked value, the commands that measure it, and how to judge them. */
import type { ClusterReport } from "../report/ClusterReport.js"
import type { Report, Result } from "../report/Report.js"
import type { SystemName } from "../System.js"

export interface Verdict {
  /** What was measured, for people. */
  readonly measured: string
  readonly ok: boolean
}

export interface Figure {
  readonly id: string
  readonly group: string
  readonly asked: string
  /** The commands a person would type to see the same. */
  commands(quick: boolean): readonly string[]
  measure(tools: Tools): Promise<Verdict>
}

export interface Tools {
  /** Short runs on small backlogs: they show that a figure can be measured, not what it is. */
  readonly quick: boolean
  /** Runs `npm run bench -- <args>` in a process of its own and returns its report. */
  bench(args: string): Promise<Report>
  /** The same for a cluster scenario. */
  cluster(args: string): Promise<ClusterReport>
  /**
   * Runs several bench commands in turns, `rounds` times each, and returns for each command its
   * reports: the machine's moods are spread over all of them.
   */
  turns(commands: readonly string[], rounds: number): Promise<readonly (readonly Report[])[]>
  /** Runs another command of the repository; its exit code and standard output. */
  run(command: string, args: readonly string[]): Promise<{ code: number; output: string }>
}

/** The result of one system; an absent system is a failure, not a miss. */
export const resultFor = (report: Report, system: SystemName): Result => {
  const found = report.results.find((result) => result.system === system)
  if (!found) throw new Error(`${report.scenario} has no result of ${system}`)
  return found
}

export const rateFor = (report: Report, system: SystemName): number => {
  const rate = resultFor(report, system).consumeRate
  if (rate === null) throw new Error(`${report.scenario} has no rate of ${system}`)
  return rate
}

export const factFor = (report: Report, system: SystemName, name: string): number => {
  const value = resultFor(report, system).facts?.[name]
  if (value === undefined) throw new Error(`${report.scenario} has no ${name} of ${system}`)
  return value
}

/** Windows of a figure: five of five seconds, or short ones. */
export const windowFlags = (quick: boolean): string =>
  quick ? "--seconds 0.5 --windows 2 --warmup 0.5" : "--seconds 5 --windows 5 --warmup 3"
