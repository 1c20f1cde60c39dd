import { factOf } from "../report/ClusterReport.js"
import { msText, rateText, ratioText } from "../report/format.js"
import type { Figure } from "./Figure.js"

const growthMax = 1.25

const command = (quick: boolean): string =>
  quick
    ? "scale --nodes 2 --rounds 1 --seconds 2s"
    : "scale --nodes 8 --batch 100 --rounds 3 --seconds 10s"

/** The same load on more nodes. */
export const cf4: Figure = {
  id: "CF4",
  group: "cluster",
  asked: `CPU per million messages on 8 nodes <= ${growthMax} x that on one, same load`,
  commands: (quick) => [command(quick)],
  measure: async ({ quick, cluster }) => {
    const report = await cluster(command(quick))
    const rows = report.results.filter(({ facts }) => "cpuSecondsPerMillion" in facts)
    const [one, most] = [rows[0]!, rows.at(-1)!]
    const growth = most.facts.cpuSecondsPerMillion! / one.facts.cpuSecondsPerMillion!
    const [lost, errors] = ["lost", "errors"].map((fact) => factOf(report, "all messages", fact))
    const each = rows.map(({ name, facts }) => `${name} ${msText(facts.cpuSecondsPerMillion)}`)
    return {
      measured:
        `${each.join(", ")} CPU s per million at ` +
        `${rateText(one.facts.offeredPerSecond)}/s: ${ratioText(growth)}`,
      ok: growth <= growthMax && lost === 0 && errors === 0,
    }
  },
}
