import { msText } from "../report/format.js"
import { type Figure, factFor } from "./Figure.js"

const cpuPercentMax = 1
const rssMbMax = 150
const mbPerMiB = 1.048576

const command = (quick: boolean): string =>
  `idle --systems skein ${quick ? "--seconds 1 --windows 2 --warmup 1" : ""}`.trim()

/** A node that nobody uses. */
export const nf7: Figure = {
  id: "NF7",
  group: "node",
  asked: `idle: < ${cpuPercentMax} % CPU, RSS <= ${rssMbMax} MB`,
  commands: (quick) => [command(quick)],
  measure: async ({ quick, bench }) => {
    const report = await bench(command(quick))
    const cpu = factFor(report, "skein", "cpuPercent")
    const rss = factFor(report, "skein", "rssMiB") * mbPerMiB
    return {
      measured: `${msText(cpu)} % CPU, RSS ${msText(rss)} MB`,
      ok: cpu < cpuPercentMax && rss <= rssMbMax,
    }
  },
}
