import { msText } from "../report/format.js"
import { type Figure, factFor } from "./Figure.js"
import { backlogMessages } from "./NF5.js"

const servingMsMax = 5000

const command = (quick: boolean): string =>
  `recovery --messages ${backlogMessages(quick)} --size 100 --systems skein ` +
  `--windows ${quick ? 1 : 5}`

/** kill -9 under load with that backlog; the worst of five recoveries counts. */
export const nf6: Figure = {
  id: "NF6",
  group: "node",
  asked: `serving again <= ${servingMsMax / 1000} s after kill -9 with 10 M waiting`,
  commands: (quick) => [command(quick)],
  measure: async ({ quick, bench }) => {
    const report = await bench(command(quick))
    const worst = factFor(report, "skein", "servingMsMax")
    const middle = factFor(report, "skein", "servingMs")
    return {
      measured: `median ${msText(middle)} ms, worst ${msText(worst)} ms`,
      ok: worst <= servingMsMax,
    }
  },
}
