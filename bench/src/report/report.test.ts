import { describe, expect, it } from "vitest"
import { numberFlags, type Settings } from "../scenarios/Settings.js"
import { chartSvg } from "./chart.js"
import { durationText, msText, rateText } from "./format.js"
import { progressText } from "./Progress.js"
import { type Report, type Result, ratiosOf, versionText } from "./Report.js"
import { tableText } from "./table.js"

const settings = {
  ...Object.fromEntries(Object.entries(numberFlags).map(([name, flag]) => [name, flag.fallback])),
  await: false,
  dir: "/data",
} as Settings

const resultOf = (system: Result["system"], rate: number, p99: number): Result => ({
  system,
  version: "1.2.3",
  durability: "fdatasync <first>",
  publishRate: rate,
  consumeRate: rate,
  publishLatencyMs: { p50: 0.8, p95: 1, p99, p999: p99, p9999: p99, max: p99 },
  endToEndLatencyMs: { p50: 1.2, p95: 2, p99, p999: p99, p9999: p99, max: p99 },
  publishDelayMs: null,
  cpuSeconds: 12.5,
  rssMaxMiB: 120.4,
})

const results = [resultOf("skein", 250_000, 9.5), resultOf("bare-loop", 500_000, 4)]
const report: Report = {
  scenario: "throughput",
  settings,
  results,
  ratios: ratiosOf("throughput", results),
}

describe("ratios", () => {
  it("are above 1 when the first system is the better one", () => {
    expect(report.ratios).toEqual({ "skein / bare-loop": 0.5 })
    expect(ratiosOf("latency", results)).toEqual({ "skein / bare-loop": 0.421 })
    expect(ratiosOf("throughput", [{ ...results[0]!, consumeRate: null }, results[1]!])).toEqual({})
  })
})

describe("tableText", () => {
  it("is golden", async () => {
    const text = `${tableText(report, [6_250_000, 12_500_000])}
`
    await expect(text).toMatchFileSnapshot("./table.golden.txt")
  })

  it("says when there were too few windows", () => {
    const short = { ...report, settings: { ...settings, windows: 2 } }
    expect(tableText(short, [1, 1])).toContain("not a result")
  })

  it("shows the figures that only a scenario has", () => {
    const idle: Report = {
      ...report,
      scenario: "idle",
      results: [{ ...results[0]!, facts: { cpuPercent: 0.4 } }],
    }
    expect(tableText(idle, [0])).toMatch(/cpuPercent\nskein +0\.40/)
  })
})

describe("chartSvg", () => {
  const curve = [50, 90, 99, 99.9].map((percentile, index) => ({ percentile, ms: 10 ** index / 2 }))

  it("is golden", async () => {
    const svg = chartSvg(report, { skein: curve, "bare-loop": curve })
    await expect(svg).toMatchFileSnapshot("./chart.golden.svg")
  })

  it("escapes text and draws bars alone when no latency was measured", () => {
    const svg = chartSvg(report, {})
    expect(svg).toContain("fdatasync &lt;first&gt;")
    expect(svg).not.toContain("polyline")
  })
})

describe("progressText", () => {
  it("trusts the plan first and the pace later, and fits its line", () => {
    expect(progressText("starting", 0, 0, 65, 80)).toBe(`${"░".repeat(20)}   0 % ETA 1:05 starting`)
    expect(progressText("window", 0.5, 30, 999, 80)).toContain("50 % ETA 0:30 window")
    expect(progressText("x".repeat(200), 0.5, 1, 1, 40)).toHaveLength(39)
  })
})

describe("format", () => {
  it("reads well at every size", () => {
    expect([1234567.4, 0, null].map(rateText)).toEqual(["1,234,567", "0", "-"])
    expect([0.362, 12.44, 183.2, 1830, null].map(msText)).toEqual([
      "0.36",
      "12.4",
      "183",
      "1,830",
      "-",
    ])
    expect([0, 65, 3600].map(durationText)).toEqual(["0:00", "1:05", "60:00"])
  })

  it("states the age of a version only when it is known", () => {
    const now = new Date("2026-11-21T00:00:00Z")
    expect(versionText({ version: "7.0.15", released: "2022-04" }, now)).toBe(
      "7.0.15, line of 2022-04 (4.6 years old)",
    )
    expect(versionText({ version: "0.1.0" }, now)).toBe("0.1.0")
  })
})
