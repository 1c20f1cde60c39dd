/** The product itself under the harness: N8 and NF9 of the first issue, in their short form. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { renderVerdict } from "@skein/test-checker"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { findDataDirectory, findLogSources } from "./LogLines.js"
import { serveSkein } from "./ProcessUnderTest.js"
import { runTraffic, type TrafficReport } from "./Traffic.js"

const adapter = fileURLToPath(new URL("../dist/SkeinClient.js", import.meta.url))

let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "skein-product-"))
})
afterEach(() => rmSync(directory, { recursive: true }))

const run = (
  seed: string,
  kills: {
    readonly nodeKills: number
    readonly consumerKills: number
    readonly confirmedBetweenKillsMin: number
  },
): Promise<TrafficReport> =>
  runTraffic({
    directory,
    serve: serveSkein,
    adapter,
    sources: findLogSources(findDataDirectory(undefined), seed, directory),
    seed,
    ...kills,
  })

const expectAllKept = ({ ok, verdict, kills, nodeExit }: TrafficReport): void => {
  const told = renderVerdict(verdict)
  expect(verdict.violations.lost, told).toBe(0)
  expect(verdict.violations.invented, told).toBe(0)
  expect(verdict.violations.unflaggedDuplicates, told).toBe(0)
  expect(verdict.violations.orderViolations, told).toBe(0)
  expect(verdict.violations.depthNotZero, told).toBe(0)
  expect(ok, told).toBe(true)
  expect(nodeExit).toEqual({ code: 0, signal: null })
  for (const { counted, inFlight } of kills) if (counted) expect(inFlight).toBeGreaterThan(99)
}

describe("a real node", () => {
  it("N8: processes every confirmed log line through 5 node and 2 consumer kills", async () => {
    const report = await run("n8", {
      nodeKills: 5,
      consumerKills: 2,
      confirmedBetweenKillsMin: 1_000,
    })
    expectAllKept(report)
    expect(report.verdict.figures.confirmed).toBeGreaterThan(5_000)
  }, 240_000)

  it("NF9: loses, invents and doubles nothing over 10 kill -9 cycles under load", async () => {
    const report = await run("nf9", {
      nodeKills: 10,
      consumerKills: 0,
      confirmedBetweenKillsMin: 500,
    })
    expectAllKept(report)
    const counted = report.kills.filter((kill) => kill.counted)
    expect(counted).toHaveLength(10)
  }, 240_000)
})
