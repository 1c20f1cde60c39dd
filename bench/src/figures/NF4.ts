import { msText } from "../report/format.js"
import { type Figure, resultFor, windowFlags } from "./Figure.js"

const endToEndP50MsMax = 2
const endToEndP99MsMax = 10
const confirmP50MsMax = 1.5

const command = (quick: boolean): string =>
  `latency --rate 2000 --size 256 --systems skein ${windowFlags(quick)}`

/** Latency at 2,000 messages per second, from the intended time of each. */
export const nf4: Figure = {
  id: "NF4",
  group: "node",
  asked:
    `end to end p50 <= ${endToEndP50MsMax} ms, p99 <= ${endToEndP99MsMax} ms, ` +
    `confirm p50 <= ${confirmP50MsMax} ms`,
  commands: (quick) => [command(quick)],
  measure: async ({ quick, bench }) => {
    const result = resultFor(await bench(command(quick)), "skein")
    const { endToEndLatencyMs: endToEnd, publishLatencyMs: confirm } = result
    if (!endToEnd || !confirm) throw new Error("latency measured nothing")
    return {
      measured:
        `end to end p50 ${msText(endToEnd.p50)}, p99 ${msText(endToEnd.p99)}, ` +
        `confirm p50 ${msText(confirm.p50)} ms`,
      ok:
        endToEnd.p50 <= endToEndP50MsMax &&
        endToEnd.p99 <= endToEndP99MsMax &&
        confirm.p50 <= confirmP50MsMax,
    }
  },
}
