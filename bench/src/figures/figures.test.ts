import { describe, expect, it } from "vitest"
import type { ClusterReport } from "../report/ClusterReport.js"
import type { Report } from "../report/Report.js"
import { type Figure, rateFor, type Tools } from "./Figure.js"
import { lastJson } from "./lastJson.js"
import { nf1 } from "./NF1.js"
import { nf4 } from "./NF4.js"
import { nf9 } from "./NF9.js"
import { nf10 } from "./NF10.js"
import { measureFigure, takeTurns } from "./run.js"

const reportOf = (rates: Readonly<Record<string, number>>): Report =>
  ({
    scenario: "throughput",
    results: Object.entries(rates).map(([system, consumeRate]) => ({ system, consumeRate })),
  }) as unknown as Report

const toolsOf = (report: Report, output = ""): Tools => ({
  quick: false,
  bench: async () => report,
  cluster: async () => report as unknown as ClusterReport,
  turns: takeTurns(async () => report),
  run: async () => ({ code: 0, output }),
})

const verdictOf = async (figure: Figure, tools: Tools) =>
  (await measureFigure(figure, tools, "abc1234")).verdict

describe("figures", () => {
  it("hold both conditions of NF1", async () => {
    const good = { skein: 240, "bare-loop": 500, "redis-streams": 100 }
    expect(await verdictOf(nf1, toolsOf(reportOf(good)))).toBe("ok")
    expect(await verdictOf(nf1, toolsOf(reportOf({ ...good, "bare-loop": 700 })))).toBe("miss")
    expect(await verdictOf(nf1, toolsOf(reportOf({ ...good, "redis-streams": 130 })))).toBe("miss")
  })

  it("hold every percentile of NF4", async () => {
    const of = (p50: number, p99: number, confirmP50: number): Report =>
      ({
        results: [
          {
            system: "skein",
            endToEndLatencyMs: { p50, p99 },
            publishLatencyMs: { p50: confirmP50 },
          },
        ],
      }) as unknown as Report
    expect(await verdictOf(nf4, toolsOf(of(2, 10, 1.5)))).toBe("ok")
    expect(await verdictOf(nf4, toolsOf(of(2.1, 10, 1.5)))).toBe("miss")
    expect(await verdictOf(nf4, toolsOf(of(2, 10.1, 1.5)))).toBe("miss")
    expect(await verdictOf(nf4, toolsOf(of(2, 10, 1.6)))).toBe("miss")
  })

  it("count a run that confirmed nothing as a miss", async () => {
    const kills = (confirmed: number, lost: number): string => {
      const violations = { lost, invented: 0, unflaggedDuplicates: 0 }
      const verdict = { figures: { confirmed }, violations }
      return `cycle 1\n${JSON.stringify({ ok: lost === 0, verdict })}\n`
    }
    expect(await verdictOf(nf9, toolsOf(reportOf({}), kills(5, 0)))).toBe("ok")
    expect(await verdictOf(nf9, toolsOf(reportOf({}), kills(5, 1)))).toBe("miss")
    expect(await verdictOf(nf9, toolsOf(reportOf({}), kills(0, 0)))).toBe("miss")
  })

  it("count NF10 only when each of its tests is there and passed", async () => {
    const titles = [
      "no confirm leaves before it",
      "the recorder sees a build that leaves the fdatasync out",
      "gives no answer before the commit that covers it",
      "would notice an answer that came before",
      "2000 runs lose nothing confirmed and take up nothing else",
      "a build whose fdatasync does nothing loses confirmed records",
    ]
    const of = (names: readonly string[], last: string): string => {
      const assertionResults = names.map((title, at) => ({
        title,
        status: at === names.length - 1 ? last : "passed",
      }))
      return JSON.stringify({ testResults: [{ assertionResults }] })
    }
    const verdict = (output: string) => verdictOf(nf10, toolsOf(reportOf({}), output))
    expect(await verdict(of(titles, "passed"))).toBe("ok")
    expect(await verdict(of(titles, "failed"))).toBe("miss")
    expect(await verdict(of(titles.slice(1), "passed"))).toBe("miss")
    expect(await verdict(of([], "passed"))).toBe("miss")
  })

  it("are a miss with a reason when they cannot be measured", async () => {
    const outcome = await measureFigure(nf1, toolsOf(reportOf({})), "abc1234")
    expect(outcome.verdict).toBe("miss")
    expect(outcome.measured).toContain("no result of skein")
    expect(outcome.commands[0]).toMatch(/^npm run bench -- throughput/)
    expect(outcome.commit).toBe("abc1234")
  })
})

describe("takeTurns", () => {
  it("runs A B A B and keeps each command's reports together", async () => {
    const order: string[] = []
    const bench = async (args: string): Promise<Report> => {
      order.push(args)
      return reportOf({ skein: order.length })
    }
    const reports = await takeTurns(bench)(["a", "b"], 2)
    expect(order).toEqual(["a", "b", "a", "b"])
    expect(reports.map((all) => all.map((one) => rateFor(one, "skein")))).toEqual([
      [1, 3],
      [2, 4],
    ])
  })
})

describe("lastJson", () => {
  it("finds a last line, or a report over several lines", () => {
    expect(lastJson('x\n{"a":1}\n{"a":2}\ndone\n')).toEqual({ a: 2 })
    expect(lastJson('noise\n{\n  "a": {\n    "b": 3\n  }\n}\n')).toEqual({ a: { b: 3 } })
    expect(() => lastJson("nothing here")).toThrow("ends with: nothing here")
  })
})
