import { factOf } from "../report/ClusterReport.js"
import { msText, ratioText } from "../report/format.js"
import type { Figure } from "./Figure.js"

const timesMax = 1.2

const command = (quick: boolean): string =>
  `hot-queue --hot 0.8 --seconds ${quick ? "15s" : "60s"} --quiet ${quick ? "5s" : "60s"}`

/** A queue with most of the load, and who feels it. */
export const cf6: Figure = {
  id: "CF6",
  group: "cluster",
  asked:
    `a queue with 80 % of the load: other nodes' p99 <= ${timesMax} x quiet in every 5 s, ` +
    `its former neighbours' after 10 s`,
  commands: (quick) => [command(quick)],
  measure: async ({ quick, cluster }) => {
    const report = await cluster(command(quick))
    const [others, neighbours] = ["shards of the other nodes", "its former neighbours"]
    const othersTimes = factOf(report, others, "worstTimes")
    const neighboursTimes = factOf(report, neighbours, "p99Times")
    const text = (name: string): string =>
      `${msText(factOf(report, name, "quietP99Ms"))} to ${msText(factOf(report, name, "hotP99Ms"))} ms`
    return {
      measured:
        `other nodes' p99 ${text(others)}, worst 5 s ${ratioText(othersTimes)} of the worst ` +
        `before; neighbours ${text(neighbours)}, ${ratioText(neighboursTimes)}`,
      ok: othersTimes <= timesMax && neighboursTimes <= timesMax,
    }
  },
}
