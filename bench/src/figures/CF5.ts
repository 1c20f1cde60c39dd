import type { Figure } from "./Figure.js"
import { lastJson } from "./lastJson.js"

/** What is read of the report that `npm run faults` prints. */
interface Report {
  readonly ok: boolean
  readonly confirmed: number
  readonly lost: number
  readonly violations: number
  readonly runs: readonly { readonly hit: number }[]
  readonly failures: readonly string[]
}

const hitMin = 20
const runsOf = (quick: boolean): number => (quick ? 1 : 30)
/** More faults than asked: those that came when nothing was in flight do not count. */
const faultsOf = (quick: boolean): number => (quick ? 4 : 28)
const argsOf = (quick: boolean): readonly string[] =>
  [
    ...["run", "faults", "--", "--runs", String(runsOf(quick)), "--seed", "1"],
    ...["--faults", String(faultsOf(quick)), "--output", "json"],
  ] as const

/** Faults of every kind against real processes. The workload and checker live in test/process. */
export const cf5: Figure = {
  id: "CF5",
  group: "cluster",
  asked: `${runsOf(false)} runs of faults, >= ${hitMin} a run that hit work in flight: 0 violations`,
  commands: (quick) => [`npm ${argsOf(quick).join(" ")}`],
  measure: async ({ quick, run }) => {
    const { code, output } = await run("npm", argsOf(quick))
    const { ok, confirmed, lost, violations, runs, failures } = lastJson<Report>(output)
    const fewest = Math.min(...runs.map(({ hit }) => hit))
    return {
      measured:
        `${runs.length} runs, ${confirmed} confirmed, ${lost} lost, ${violations} violations; ` +
        `fewest hits in a run ${runs.length === 0 ? 0 : fewest}; ${failures.length} not finished`,
      ok:
        ok &&
        code === 0 &&
        confirmed > 0 &&
        violations === 0 &&
        runs.length === runsOf(quick) &&
        (quick || fewest >= hitMin),
    }
  },
}
