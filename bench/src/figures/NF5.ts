import { msText, rateText, ratioText } from "../report/format.js"
import { type Figure, rateFor, resultFor, windowFlags } from "./Figure.js"

/** Megabytes of 10^6 bytes, as the figure asks. */
const rssMbMax = 400
const mbPerMiB = 1.048576
const shareMin = 0.8

export const backlogMessages = (quick: boolean): number => (quick ? 100_000 : 10_000_000)

const commandsOf = (quick: boolean): readonly [string, string] => [
  `backlog --messages ${backlogMessages(quick)} --size 100 --systems skein ${windowFlags(quick)}`,
  `throughput --size 100 --batch 100 --systems skein ${windowFlags(quick)}`,
]

/** A large backlog: memory, and the rate from its head while publishing goes on. */
export const nf5: Figure = {
  id: "NF5",
  group: "node",
  asked:
    `10 M messages of 100 bytes: peak RSS <= ${rssMbMax} MB, ` +
    `rate >= ${shareMin} of no backlog`,
  commands: commandsOf,
  measure: async ({ quick, bench }) => {
    const [backlogCommand, plainCommand] = commandsOf(quick)
    const backlog = await bench(backlogCommand)
    const plain = await bench(plainCommand)
    const rss = resultFor(backlog, "skein").rssMaxMiB
    if (rss === null) throw new Error("this machine does not tell a process's memory")
    const rate = rateFor(backlog, "skein")
    const share = rate / rateFor(plain, "skein")
    return {
      measured:
        `peak RSS ${msText(rss * mbPerMiB)} MB, ${rateText(rate)}/s: ` +
        `${ratioText(share)} no backlog`,
      ok: rss * mbPerMiB <= rssMbMax && share >= shareMin,
    }
  },
}
