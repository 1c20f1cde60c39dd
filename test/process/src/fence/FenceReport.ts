/** What came of the rounds: one object for programs, the same as a table for people. */
import { renderVerdict } from "@skein/test-checker"
import type { FenceRunReport, RoundReport } from "./FenceRun.js"

export interface FenceReport {
  readonly ok: boolean
  readonly seed: number
  readonly nodes: number
  readonly rounds: ReadonlyArray<RoundReport>
  readonly confirmed: number
  readonly lost: number
  /** Stored twice, or against a refusal: a late write of a former owner was taken in. */
  readonly adopted: number
  readonly violations: number
  readonly runs: ReadonlyArray<FenceRunReport>
  /** Runs that could not be finished, with all that their processes said. */
  readonly failures: ReadonlyArray<string>
}

export const reportOf = (input: {
  readonly seed: number
  readonly nodes: number
  readonly runs: ReadonlyArray<FenceRunReport>
  readonly failures: ReadonlyArray<string>
}): FenceReport => {
  const { runs, failures } = input
  const rounds = runs.flatMap((run) => run.rounds)
  const sum = (of: (round: RoundReport) => number): number =>
    rounds.reduce((total, round) => total + of(round), 0)
  return {
    ok: failures.length === 0 && rounds.length > 0 && runs.every(({ ok }) => ok),
    ...input,
    rounds,
    confirmed: sum(({ confirmed }) => confirmed),
    lost: sum(({ lost }) => lost),
    adopted: sum(({ adopted }) => adopted),
    violations: runs
      .flatMap(({ verdict }) => Object.values(verdict.violations))
      .reduce((total, count) => total + count, 0),
  }
}

const columns = ["in flight", "confirmed", "held", "adopted", "lost"] as const

export const renderReport = (report: FenceReport): string => {
  const { rounds, runs, failures, seed, nodes } = report
  return [
    `${rounds.length} failpoints on ${nodes} nodes, seed ${seed}`,
    row(["failpoint", "at work", "node", "stood ms"], [...columns, "ok"]),
    ...rounds.map(renderRound),
    ...runs.filter(({ ok }) => !ok).map(renderBadRun),
    ...failures.map((text) => `a run could not be finished: ${text}`),
    `${report.ok ? "VALID" : "INVALID"}: ${rounds.length} times a node stood, confirmed ` +
      `${report.confirmed}, lost ${report.lost}, adopted wrongly ${report.adopted}, ` +
      `violations ${report.violations}\n`,
  ].join("\n")
}

const renderRound = (round: RoundReport): string => {
  const { at, node, stoodMs, inFlight, confirmed, held, adopted, lost } = round
  const atWork = round.consumersRest === true ? "publishers" : "all"
  const ok = lost + adopted === 0 ? "ok" : "NO"
  return row([at, atWork, node, stoodMs], [inFlight, confirmed, held, adopted, lost, ok])
}

const row = (
  [at, ...begin]: ReadonlyArray<number | string>,
  figures: ReadonlyArray<number | string>,
): string =>
  [`  ${String(at).padEnd(20)}`, ...[...begin, ...figures].map((each) => String(each).padStart(11))]
    .join("")
    .trimEnd()

const renderBadRun = ({ verdict, problems, directory }: FenceRunReport): string =>
  [`kept ${directory}`, ...problems, renderVerdict(verdict)].join("\n")
