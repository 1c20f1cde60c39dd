/** What came of the runs: one object for programs, the same as a table for people. */
import { renderVerdict } from "@skein/test-checker"
import { inFlightForKillMin } from "../InFlight.js"
import type { RunReport } from "./FaultRun.js"
import type { LeftOut } from "./kinds/index.js"

export interface KindReport {
  readonly name: string
  readonly done: number
  /** With at least a hundred publishes in flight. */
  readonly hit: number
  /** Longest time that a queue went without a confirm, from such a fault to the next fault. */
  readonly withoutConfirmMsMax: number
}

export interface FaultsReport {
  readonly ok: boolean
  readonly seed: number
  readonly nodes: number
  readonly kinds: ReadonlyArray<KindReport>
  readonly leftOut: ReadonlyArray<LeftOut>
  readonly hit: number
  readonly confirmed: number
  readonly lost: number
  readonly violations: number
  readonly runs: ReadonlyArray<RunReport>
  /** Runs that could not be finished, with all that their processes said. */
  readonly failures: ReadonlyArray<string>
}

export const reportOf = (input: {
  readonly seed: number
  readonly nodes: number
  readonly reports: ReadonlyArray<RunReport>
  readonly failures: ReadonlyArray<string>
  readonly leftOut: ReadonlyArray<LeftOut>
}): FaultsReport => {
  const { seed, nodes, reports, failures, leftOut } = input
  const sum = (of: (report: RunReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0)
  return {
    ok: failures.length === 0 && reports.length > 0 && reports.every(({ ok }) => ok),
    ...{ seed, nodes, kinds: byKind(reports), leftOut },
    hit: sum(({ hit }) => hit),
    confirmed: sum(({ verdict }) => verdict.figures.confirmed),
    lost: sum(({ verdict }) => verdict.violations.lost + verdict.violations.unprocessed),
    violations: sum(({ verdict }) =>
      Object.values(verdict.violations).reduce((total, count) => total + count, 0),
    ),
    runs: reports,
    failures,
  }
}

const byKind = (reports: ReadonlyArray<RunReport>): ReadonlyArray<KindReport> => {
  const kinds = new Map<string, KindReport>()
  for (const { name, inFlight, withoutConfirmMs } of reports.flatMap(
    (each) => each.verdict.faults,
  )) {
    const { done, hit, withoutConfirmMsMax } = kinds.get(name) ?? none
    kinds.set(name, {
      name,
      done: done + 1,
      hit: hit + (inFlight >= inFlightForKillMin ? 1 : 0),
      withoutConfirmMsMax: Math.max(withoutConfirmMsMax, withoutConfirmMs),
    })
  }
  return [...kinds.values()].sort((left, right) => left.name.localeCompare(right.name))
}

const none = { done: 0, hit: 0, withoutConfirmMsMax: 0 }

export const renderReport = (report: FaultsReport): string => {
  const { kinds, leftOut, runs, failures, nodes, seed } = report
  const row = (name: string, ...figures: ReadonlyArray<number | string>): string =>
    `  ${name.padEnd(20)}${figures.map((each) => String(each).padStart(18)).join("")}`
  return [
    `${runs.length} runs on ${nodes} ${nodes === 1 ? "node" : "nodes"}, seed ${seed}`,
    row("fault", "done", "hit >= 100", "no confirm, ms"),
    ...kinds.map((kind) => row(kind.name, kind.done, kind.hit, kind.withoutConfirmMsMax)),
    ...leftOut.map(({ name, reason }) => `  ${name.padEnd(20)} left out: ${reason}`),
    ...runs.filter(({ ok }) => !ok).map(renderBadRun),
    ...failures.map((text) => `a run could not be finished: ${text}`),
    `${report.ok ? "VALID" : "INVALID"}: ${report.hit} faults hit work in flight, confirmed ` +
      `${report.confirmed}, lost ${report.lost}, violations ${report.violations}\n`,
  ].join("\n")
}

const renderBadRun = ({ seed, verdict, problems }: RunReport): string =>
  [`run with seed ${seed}`, ...problems, renderVerdict(verdict)].join("\n")
