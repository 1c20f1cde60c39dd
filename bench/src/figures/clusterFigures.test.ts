import { describe, expect, it } from "vitest"
import type { ClusterReport } from "../report/ClusterReport.js"
import { cf1 } from "./CF1.js"
import { cf2 } from "./CF2.js"
import { cf3 } from "./CF3.js"
import { cf4 } from "./CF4.js"
import { cf5 } from "./CF5.js"
import { cf6 } from "./CF6.js"
import type { Figure, Tools } from "./Figure.js"
import { measureFigure, takeTurns } from "./run.js"

type Facts = Readonly<Record<string, number>>

/** Rows in their order, as a run would report them. */
const reportOf = (rows: Readonly<Record<string, Facts>>): ClusterReport =>
  ({
    scenario: "move",
    results: Object.entries(rows).map(([name, facts]) => ({ name, facts })),
  }) as unknown as ClusterReport

const toolsOf = (report: ClusterReport, output = ""): Tools => ({
  quick: false,
  bench: () => Promise.reject(new Error("not asked for")),
  cluster: async () => report,
  turns: takeTurns(() => Promise.reject(new Error("not asked for"))),
  run: async () => ({ code: 0, output }),
})

const verdictOf = async (figure: Figure, tools: Tools) =>
  (await measureFigure(figure, tools, "abc1234")).verdict

/** The figure is ok as given, and a miss with any one of `worse` in its place. */
const holds = async (
  figure: Figure,
  good: Readonly<Record<string, Facts>>,
  worse: readonly (readonly [row: string, fact: string, value: number])[],
): Promise<void> => {
  expect(await verdictOf(figure, toolsOf(reportOf(good)))).toBe("ok")
  for (const [row, fact, value] of worse) {
    const bad = { ...good, [row]: { ...good[row], [fact]: value } }
    expect([fact, await verdictOf(figure, toolsOf(reportOf(bad)))]).toEqual([fact, "miss"])
  }
}

const clean = { confirmed: 1000, errors: 0, lost: 0, wrong: 0, repeated: 0 }

describe("cluster figures", () => {
  it("hold every condition of CF1", async () => {
    const all = { ...clean, refused: 0, doubledOwners: 0, rssGrowthMiB: 20, openFilesGrowth: 0 }
    const pauses = { moves: 1000, pauseP50Ms: 50, pauseP99Ms: 250 }
    const good = {
      full: { pauseP50Ms: 40, pauseP99Ms: 200 },
      "all moves": pauses,
      "shards that stay": { p99Times: 1.5 },
      "all messages": all,
    }
    await holds(cf1, good, [
      ["all moves", "moves", 999],
      ["all moves", "pauseP50Ms", 50.1],
      ["all moves", "pauseP99Ms", 251],
      ["shards that stay", "p99Times", 1.51],
      ["all messages", "errors", 1],
      ["all messages", "lost", 1],
      ["all messages", "wrong", 1],
      ["all messages", "doubledOwners", 1],
      ["all messages", "rssGrowthMiB", 500],
      ["all messages", "openFilesGrowth", 1000],
    ])
  })

  it("hold every condition of CF2", async () => {
    const rows = (servingMsMax: number) => ({ servingMsMax, fullRateMsMax: 5000 })
    const good = {
      "kill -9": rows(1000),
      SIGSTOP: rows(2000),
      "kill -9 of the manager's": rows(1000),
      "SIGSTOP of the manager's": rows(2000),
      "all messages": clean,
    }
    await holds(cf2, good, [
      ["kill -9", "servingMsMax", 1001],
      ["SIGSTOP", "servingMsMax", 2001],
      ["kill -9 of the manager's", "servingMsMax", 1001],
      ["SIGSTOP of the manager's", "fullRateMsMax", 5001],
      ["all messages", "lost", 1],
      ["all messages", "errors", 1],
    ])
  })

  it("hold every condition of CF3, and a spread that never came is a miss", async () => {
    const spread = { spreadP50: 1.25, spreadMax: 1.4, messagesSpreadP50: 1.1, firstEvenS: 30 }
    const good = {
      "spread after 30 s": spread,
      moves: { movesPerMinuteAfter: 0.9 },
      plans: { plans: 2, predictedP50: 1.1, reachedP50: 1.12 },
    }
    await holds(cf3, good, [
      ["spread after 30 s", "spreadP50", 1.26],
      ["spread after 30 s", "firstEvenS", 31],
      ["moves", "movesPerMinuteAfter", 1],
    ])
    const { firstEvenS: _, ...never } = spread
    const report = reportOf({ ...good, "spread after 30 s": never })
    expect(await verdictOf(cf3, toolsOf(report))).toBe("miss")
  })

  it("compare the most nodes with one in CF4", async () => {
    const of = (cpuSecondsPerMillion: number) => ({ cpuSecondsPerMillion, offeredPerSecond: 1e5 })
    const good = { "1 node": of(4), "2 nodes": of(9), "8 nodes": of(5), "all messages": clean }
    await holds(cf4, good, [
      ["8 nodes", "cpuSecondsPerMillion", 5.01],
      ["all messages", "lost", 1],
    ])
  })

  it("count hits of the run with the fewest in CF5", async () => {
    const of = (hits: readonly number[], violations = 0, confirmed = 9): string =>
      JSON.stringify({
        ...{ ok: violations === 0, confirmed, lost: 0, violations, failures: [] },
        runs: hits.map((hit) => ({ hit })),
      })
    const verdict = (output: string) => verdictOf(cf5, toolsOf(reportOf({}), output))
    const hits = Array.from({ length: 30 }, () => 20)
    expect(await verdict(of(hits))).toBe("ok")
    expect(await verdict(of([...hits.slice(1), 19]))).toBe("miss")
    expect(await verdict(of(hits.slice(1)))).toBe("miss")
    expect(await verdict(of(hits, 1))).toBe("miss")
    expect(await verdict(of(hits, 0, 0))).toBe("miss")
  })

  it("look at the worst window of others and the whole of neighbours in CF6", async () => {
    const row = { quietP99Ms: 10, hotP99Ms: 12, p99Times: 1.2, worstTimes: 1.2 }
    const good = { "shards of the other nodes": row, "its former neighbours": row }
    await holds(cf6, good, [
      ["shards of the other nodes", "worstTimes", 1.21],
      ["its former neighbours", "p99Times", 1.21],
    ])
  })

  it("are a miss with a reason when a row is not there", async () => {
    const outcome = await measureFigure(cf1, toolsOf(reportOf({})), "abc1234")
    expect(outcome).toMatchObject({ verdict: "miss", commit: "abc1234" })
    expect(outcome.measured).toContain("not measured: move has no")
    expect(outcome.commands[0]).toMatch(/^npm run bench -- move --moves 1000/)
  })
})
