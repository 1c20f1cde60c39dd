import type { Figure } from "./Figure.js"
import { lastJson } from "./lastJson.js"

/** What is read of the report that `npm run kills` prints. */
interface Report {
  readonly ok: boolean
  readonly verdict: {
    readonly figures: { readonly confirmed: number }
    readonly violations: {
      readonly lost: number
      readonly invented: number
      readonly unflaggedDuplicates: number
    }
  }
}

const cyclesOf = (quick: boolean): number => (quick ? 2 : 200)
const argsOf = (quick: boolean): readonly string[] =>
  `run kills -- --cycles ${cyclesOf(quick)} --seed 1 --output json`.split(" ")

/** kill -9 under load, again and again. The workload and the checker live in test/process. */
export const nf9: Figure = {
  id: "NF9",
  group: "node",
  asked: "200 kill -9 cycles under load: 0 lost, 0 invented, 0 unflagged duplicates",
  commands: (quick) => [`npm ${argsOf(quick).join(" ")}`],
  measure: async ({ quick, run }) => {
    const { code, output } = await run("npm", argsOf(quick))
    const { ok, verdict } = lastJson<Report>(output)
    const { confirmed } = verdict.figures
    const { lost, invented, unflaggedDuplicates: unflagged } = verdict.violations
    return {
      measured:
        `${confirmed} confirmed, ${lost} lost, ${invented} invented, ` + `${unflagged} unflagged`,
      ok: ok && code === 0 && confirmed > 0 && lost === 0 && invented === 0 && unflagged === 0,
    }
  },
}
