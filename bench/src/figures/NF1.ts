import { rateText, ratioText } from "../report/format.js"
import { type Figure, rateFor, windowFlags } from "./Figure.js"

const bareShareMin = 0.4
const redisTimesMin = 2

const command = (quick: boolean): string =>
  `throughput --size 256 --batch 100 --systems skein,bare-loop,redis-streams ${windowFlags(quick)}`

/** Throughput of one queue against the bare loop and against Redis Streams. */
export const nf1: Figure = {
  id: "NF1",
  group: "node",
  asked:
    `batches of 100: >= ${bareShareMin} of the bare loop, ` + `>= ${redisTimesMin} x Redis Streams`,
  commands: (quick) => [command(quick)],
  measure: async ({ quick, bench }) => {
    const report = await bench(command(quick))
    const rate = rateFor(report, "skein")
    const ofBare = rate / rateFor(report, "bare-loop")
    const ofRedis = rate / rateFor(report, "redis-streams")
    return {
      measured:
        `${rateText(rate)}/s: ${ratioText(ofBare)} bare loop, ` +
        `${ratioText(ofRedis)} Redis Streams`,
      ok: ofBare >= bareShareMin && ofRedis >= redisTimesMin,
    }
  },
}
