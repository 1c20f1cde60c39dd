import { factOf } from "../report/ClusterReport.js"
import { msText } from "../report/format.js"
import type { Figure } from "./Figure.js"

const spreadMax = 1.25
const evenSecondsMax = 30
const movesPerMinuteMax = 1

const command = (quick: boolean): string =>
  `zipf --queues 200 --exponent 1 --nodes 3 --seconds ${quick ? "35s" : "150s"}`

/** Load by Zipf's law: spread evenly, and then left alone. */
export const cf3: Figure = {
  id: "CF3",
  group: "cluster",
  asked:
    `Zipf over 200 queues, 3 nodes: busiest / idlest <= ${spreadMax} within ` +
    `${evenSecondsMax} s, then < ${movesPerMinuteMax} move a minute`,
  commands: (quick) => [command(quick)],
  measure: async ({ quick, cluster }) => {
    const report = await cluster(command(quick))
    const name = `spread after ${evenSecondsMax} s`
    const middle = factOf(report, name, "spreadP50")
    const first = report.results.find((result) => result.name === name)?.facts.firstEvenS
    const perMinute = factOf(report, "moves", "movesPerMinuteAfter")
    const plan = (fact: string): string =>
      msText(report.results.find((result) => result.name === "plans")?.facts[fact])
    return {
      measured:
        `first even after ${msText(first)} s, then median ${msText(middle)}, ` +
        `most ${msText(factOf(report, name, "spreadMax"))}; by messages ` +
        `${msText(factOf(report, name, "messagesSpreadP50"))}; ` +
        `${msText(perMinute)} moves a minute; ` +
        `predicted ${plan("predictedP50")}, reached ${plan("reachedP50")}`,
      ok:
        first !== undefined &&
        first <= evenSecondsMax &&
        middle <= spreadMax &&
        perMinute < movesPerMinuteMax,
    }
  },
}
