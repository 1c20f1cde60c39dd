import { existsSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { median } from "../measure/median.js"
import { rateText, ratioText } from "../report/format.js"
import { type Figure, rateFor, windowFlags } from "./Figure.js"
import { lastJson } from "./lastJson.js"

const shareMin = 0.9
const command = (quick: boolean): string =>
  `throughput --batch 100 --systems bare-loop ${windowFlags(quick)}`
const countOf = (quick: boolean): string => (quick ? "300000" : "8000000")
const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..")

/** SKEIN_YARDSTICK, or the shared folder that lies beside the repository. */
const scriptOf = (): string =>
  process.env.SKEIN_YARDSTICK ?? path.resolve(repository, "../shared/bare-loop/run.mjs")

/** Keeps our own bare loop honest: it may not be slower than the reference script. */
export const yardstick: Figure = {
  id: "BARE",
  group: "yardstick",
  asked: `our bare loop >= ${shareMin} of the reference script, batches of 100, in turns`,
  commands: (quick) => [command(quick), `node ${scriptOf()} --batch 100 --count ${countOf(quick)}`],
  measure: async ({ quick, bench, run }) => {
    const script = scriptOf()
    if (!existsSync(script)) throw new Error(`no reference script: set SKEIN_YARDSTICK (${script})`)
    const [ours, theirs]: [number[], number[]] = [[], []]
    for (let round = 0; round < (quick ? 1 : 5); round++) {
      const args = [script, "--batch", "100", "--count", countOf(quick)]
      theirs.push(lastJson<{ consumeRate: number }>((await run("node", args)).output).consumeRate)
      ours.push(rateFor(await bench(command(quick)), "bare-loop"))
    }
    const share = median(ours) / median(theirs)
    return {
      measured: `${rateText(median(ours))}/s: ${ratioText(share)} of ${rateText(median(theirs))}/s`,
      ok: share >= shareMin,
    }
  },
}
