import { median } from "../measure/median.js"
import { rateText, ratioText } from "../report/format.js"
import { type Figure, rateFor, windowFlags } from "./Figure.js"

const shareMin = 0.8
const roundsOf = (quick: boolean): number => (quick ? 1 : 3)

const commandsOf = (quick: boolean): readonly string[] => [
  `throughput --size 256 --batch 100 --queues 64 --systems skein ${windowFlags(quick)}`,
  `throughput --size 256 --batch 100 --systems skein ${windowFlags(quick)}`,
]

/** 64 queues on 64 shards against one queue. */
export const nf3: Figure = {
  id: "NF3",
  group: "node",
  asked: `64 queues: >= ${shareMin} of one queue`,
  commands: commandsOf,
  measure: async ({ quick, turns }) => {
    const [many, one] = await turns(commandsOf(quick), roundsOf(quick))
    const rate = median(many!.map((report) => rateFor(report, "skein")))
    const share = rate / median(one!.map((report) => rateFor(report, "skein")))
    return { measured: `${rateText(rate)}/s: ${ratioText(share)} one queue`, ok: share >= shareMin }
  },
}
