import { median } from "../measure/median.js"
import { rateText, ratioText } from "../report/format.js"
import { type Figure, rateFor, windowFlags } from "./Figure.js"

const bareShareMin = 0.35
const roundsOf = (quick: boolean): number => (quick ? 1 : 3)

const commandsOf = (quick: boolean): readonly string[] => [
  `throughput --producers 1000 --batch 1 --await --systems skein ${windowFlags(quick)}`,
  `throughput --batch 10 --systems bare-loop ${windowFlags(quick)}`,
]

/** 1,000 publishers that each await their message, against the bare loop in batches of 10. */
export const nf2: Figure = {
  id: "NF2",
  group: "node",
  asked: `>= ${bareShareMin} of the bare loop with batches of 10`,
  commands: commandsOf,
  measure: async ({ quick, turns }) => {
    const [skein, bare] = await turns(commandsOf(quick), roundsOf(quick))
    const rate = median(skein!.map((report) => rateFor(report, "skein")))
    const share = rate / median(bare!.map((report) => rateFor(report, "bare-loop")))
    return {
      measured: `${rateText(rate)}/s: ${ratioText(share)} bare loop`,
      ok: share >= bareShareMin,
    }
  },
}
