import { factOf } from "../report/ClusterReport.js"
import { msText } from "../report/format.js"
import type { Figure } from "./Figure.js"

const killMsMax = 1000
const stopMsMax = 2000
const fullRateMsMax = 5000

const asked = [
  { name: "kill -9", servingMsMax: killMsMax },
  { name: "SIGSTOP", servingMsMax: stopMsMax },
  { name: "kill -9 of the manager's", servingMsMax: killMsMax },
  { name: "SIGSTOP of the manager's", servingMsMax: stopMsMax },
] as const

const command = (quick: boolean): string =>
  `failover --kills ${quick ? 1 : 5} --messages ${quick ? 20_000 : 1_000_000} --rate 2000`

/** Nodes that die or fall asleep, the manager's too; the slowest shard of the worst run counts. */
export const cf2: Figure = {
  id: "CF2",
  group: "cluster",
  asked:
    `1 M waiting: serving again <= ${killMsMax} ms after kill -9, <= ${stopMsMax} ms after ` +
    `SIGSTOP, full rate <= ${fullRateMsMax} ms; the manager's node the same`,
  commands: (quick) => [command(quick)],
  measure: async ({ quick, cluster }) => {
    const report = await cluster(command(quick))
    const rows = asked.map(({ name, servingMsMax }) => {
      const serving = factOf(report, name, "servingMsMax")
      const full = factOf(report, name, "fullRateMsMax")
      return {
        text: `${name} ${msText(serving)} ms, full rate ${msText(full)} ms`,
        ok: serving <= servingMsMax && full <= fullRateMsMax,
      }
    })
    const [errors, lost, wrong] = ["errors", "lost", "wrong"].map((fact) =>
      factOf(report, "all messages", fact),
    )
    return {
      measured:
        `${rows.map(({ text }) => text).join("; ")}; ` +
        `${errors} errors, ${lost} lost, ${wrong} wrong`,
      ok: rows.every(({ ok }) => ok) && errors === 0 && lost === 0 && wrong === 0,
    }
  },
}
