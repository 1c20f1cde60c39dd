import { msText } from "../report/format.js"
import { type Figure, factFor } from "./Figure.js"

const growthMbMax = 100
const listMsMax = 1000
const mbPerMiB = 1.048576

const command = (quick: boolean): string =>
  `queues --queues ${quick ? 200 : 10_000} --systems skein`

/** 10,000 queues, each published to and drained once. */
export const nf8: Figure = {
  id: "NF8",
  group: "node",
  asked: `10,000 queues: + <= ${growthMbMax} MB, listed in < ${listMsMax / 1000} s`,
  commands: (quick) => [command(quick)],
  measure: async ({ quick, bench }) => {
    const report = await bench(command(quick))
    const growth = factFor(report, "skein", "rssGrowthMiB") * mbPerMiB
    const list = factFor(report, "skein", "listMs")
    return {
      measured: `+ ${msText(growth)} MB, listed in ${msText(list)} ms`,
      ok: growth <= growthMbMax && list < listMsMax,
    }
  },
}
