import { describe, expect, it } from "vitest"
import type { ClusterTake } from "../cluster/ClusterScenario.js"
import { type ClusterSettings, clusterFlags } from "../cluster/ClusterSettings.js"
import type { TimePoint } from "../measure/Timeline.js"
import { clusterReportOf, factOf } from "./ClusterReport.js"
import { clusterTableText } from "./clusterTable.js"
import { niceStep, timelineSvg } from "./timelineChart.js"

const settings = {
  ...Object.fromEntries(Object.entries(clusterFlags).map(([name, flag]) => [name, flag.fallback])),
  dir: "/data",
} as unknown as ClusterSettings

/** Half a second each; nothing is answered from 1.5 to 2.5 s. */
const points: readonly TimePoint[] = Array.from({ length: 10 }, (_, index) => {
  const isDown = index === 3 || index === 4
  return {
    atSeconds: index / 2,
    confirmedPerSecond: isDown ? 0 : 5000 + 100 * index,
    consumedPerSecond: isDown ? 0 : 4900,
    confirmP99Ms: isDown ? null : 4 + index,
    endToEndP99Ms: isDown ? null : index === 5 ? 1200 : 6 + index,
  }
})

const take: ClusterTake = {
  cases: [
    { name: "1 node", facts: { cpuSecondsPerMillion: 4, consumedPerSecond: 99_999 } },
    { name: "2 nodes", facts: { cpuSecondsPerMillion: 4.5, consumedPerSecond: 1e5 } },
    { name: "all messages", facts: { confirmed: 1_234_567, lost: 0, rssGrowthMiB: -3.21 } },
  ],
  points,
  marks: [
    { atSeconds: 1.5, label: "SIGKILL n2 <now>" },
    { atSeconds: 4, label: "SIGCONT n2" },
  ],
  notes: ["s001 to n2: refused"],
}

const report = clusterReportOf("scale", settings, "1.2.3", take)

describe("clusterReportOf", () => {
  it("compares the cases that have the figure with the first one", () => {
    expect(report.ratios).toEqual({ "2 nodes / 1 node": 1.125 })
    expect(clusterReportOf("move", settings, "1.2.3", take).ratios).toEqual({})
  })

  it("leaves out what could not be measured, and says so when it is asked for", () => {
    const cases = [{ name: "a", facts: { one: Number.NaN, two: 2, three: Infinity } }]
    const one = clusterReportOf("move", settings, "1", { ...take, cases })
    expect(one.results[0]!.facts).toEqual({ two: 2 })
    expect(factOf(one, "a", "two")).toBe(2)
    expect(() => factOf(one, "a", "one")).toThrow('move has no one of "a"')
    expect(() => factOf(one, "b", "two")).toThrow('move has no two of "b"')
  })
})

describe("clusterTableText", () => {
  it("is golden", async () => {
    await expect(`${clusterTableText(report)}\n`).toMatchFileSnapshot("./clusterTable.golden.txt")
  })
})

describe("timelineSvg", () => {
  it("is golden", async () => {
    await expect(timelineSvg(report)).toMatchFileSnapshot("./timelineChart.golden.svg")
  })

  it("breaks its lines where nothing was answered, and marks what was done", () => {
    const svg = timelineSvg(report)
    expect(svg.match(/<polyline/g)).toHaveLength(2 + 2 * 2)
    expect(svg.match(/class="mark"/g)).toHaveLength(2)
    expect(svg).toContain("SIGKILL n2 &lt;now&gt;")
  })

  it("leaves out the labels of marks that would lie on each other", () => {
    const marks = Array.from({ length: 100 }, (_, index) => ({
      atSeconds: index / 25,
      label: "moved",
    }))
    const svg = timelineSvg({ ...report, marks })
    expect(svg.match(/class="mark"/g)).toHaveLength(100)
    expect(svg).not.toContain(">moved<")
  })

  it("draws a run that saw nothing", () => {
    expect(timelineSvg({ ...report, points: [], marks: [] })).not.toMatch(/NaN|Infinity/)
  })
})

describe("niceStep", () => {
  it("is round and not below what is asked", () => {
    expect([0.2, 1, 1.4, 3, 7, 12, 260].map(niceStep)).toEqual([1, 1, 2, 5, 10, 20, 500])
  })
})
