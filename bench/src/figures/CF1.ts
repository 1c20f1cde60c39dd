import { factOf } from "../report/ClusterReport.js"
import { msText, ratioText } from "../report/format.js"
import type { Figure } from "./Figure.js"

const pauseP50MsMax = 50
const pauseP99MsMax = 250
const timesMax = 1.5
/** What a thousand moves may leave behind, of all nodes together: the noise of a young heap. */
const rssGrowthMiBMax = 150
const openFilesGrowthMax = 64

const movesOf = (quick: boolean): number => (quick ? 6 : 1000)
const command = (quick: boolean): string =>
  `move --moves ${movesOf(quick)} --every ${quick ? "1s" : "500ms"} ` +
  `--messages ${quick ? 20_000 : 1_000_000} --quiet ${quick ? "3s" : "30s"} --rate 2000`

/** Planned moves of busy shards, one of them with a million messages waiting. */
export const cf1: Figure = {
  id: "CF1",
  group: "cluster",
  asked:
    `1,000 moves, 1 M waiting: pause p50 <= ${pauseP50MsMax}, p99 <= ${pauseP99MsMax} ms; ` +
    `other shards' p99 <= ${timesMax} x quiet; no error, loss, doubled owner or leak`,
  commands: (quick) => [command(quick)],
  measure: async ({ quick, cluster }) => {
    const report = await cluster(command(quick))
    const all = (fact: string): number => factOf(report, "all messages", fact)
    const [p50, p99, moves] = ["pauseP50Ms", "pauseP99Ms", "moves"].map((fact) =>
      factOf(report, "all moves", fact),
    )
    const full = report.results[0]!
    const times = factOf(report, "shards that stay", "p99Times")
    const [errors, lost, wrong, doubled] = ["errors", "lost", "wrong", "doubledOwners"].map(all)
    const [rss, files] = [all("rssGrowthMiB"), all("openFilesGrowth")]
    const isWhole = errors === 0 && lost === 0 && wrong === 0 && doubled === 0
    return {
      measured:
        `${moves} moves (${all("refused")} refused): pause p50 ${msText(p50)}, ` +
        `p99 ${msText(p99)} ms (full shard ${msText(full.facts.pauseP50Ms)}, ` +
        `${msText(full.facts.pauseP99Ms)}); others' p99 ${ratioText(times)} quiet; ` +
        `${errors} errors, ${lost} lost, ${wrong} wrong, ${doubled} doubled owners; ` +
        `+ ${rss.toFixed(0)} MiB, ${files} files`,
      ok:
        isWhole &&
        moves === movesOf(quick) &&
        p50! <= pauseP50MsMax &&
        p99! <= pauseP99MsMax &&
        times <= timesMax &&
        rss <= rssGrowthMiBMax &&
        files <= openFilesGrowthMax,
    }
  },
}
