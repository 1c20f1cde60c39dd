import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { renderVerdict, type ViolationKind } from "@skein/test-checker"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { inFlightForKillMin } from "./InFlight.js"
import { findLogSources } from "./LogLines.js"
import { runTraffic, type TrafficReport } from "./Traffic.js"

const stubBroker = fileURLToPath(new URL("../dist/stub/StubBroker.js", import.meta.url))
const stubClient = fileURLToPath(new URL("../dist/stub/StubClient.js", import.meta.url))

let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "skein-traffic-"))
})
afterEach(() => rmSync(directory, { recursive: true }))

const run = (
  misbehaviour: string,
  kills: { readonly nodeKills: number; readonly consumerKills: number },
): Promise<TrafficReport> =>
  runTraffic({
    directory,
    serve: (data, port) => [
      ...[process.execPath, stubBroker],
      ...[data, String(port), misbehaviour],
    ],
    adapter: stubClient,
    sources: findLogSources(undefined, "stub", directory),
    seed: `stub ${misbehaviour}`,
    confirmedBetweenKillsMin: 500,
    waitMs: 20_000,
    ...kills,
  })

describe("the whole harness, on a stub", () => {
  it("finds nothing wrong with one that keeps its promises", async () => {
    const { ok, kills, verdict, nodeExit } = await run("none", { nodeKills: 3, consumerKills: 2 })
    expect(ok, renderVerdict(verdict)).toBe(true)
    const counted = kills.filter((kill) => kill.counted)
    expect(counted.filter(({ what }) => what === "node")).toHaveLength(3)
    expect(counted.filter(({ what }) => what === "consumer")).toHaveLength(2)
    for (const { inFlight } of counted) expect(inFlight).toBeGreaterThanOrEqual(inFlightForKillMin)
    expect(verdict.figures.confirmed).toBeGreaterThanOrEqual(2_000)
    // The acks of a killed consumer may have been done although it never saw their replies.
    const { attempted, processed, processedUnknown } = verdict.figures
    expect(processed + processedUnknown).toBe(attempted)
    expect(processedUnknown).toBeLessThanOrEqual(2 * 2 * 200)
    expect(verdict.figures.redeliveries).toBeGreaterThan(0)
    expect(nodeExit).toEqual({ code: 0, signal: null })
  }, 60_000)

  const planted: ReadonlyArray<readonly [string, ViolationKind, number, number]> = [
    ["lose", "lost", 0, 0],
    ["corrupt", "corrupted", 0, 0],
    ["swap", "orderViolations", 0, 0],
    ["unflag", "unflaggedDuplicates", 0, 1],
    ["forget-acks", "settledTwice", 1, 0],
    ["store-twice", "doubled", 0, 0],
  ]
  for (const [misbehaviour, kind, nodeKills, consumerKills] of planted) {
    it(`reports ${kind} of one told to ${misbehaviour}`, async () => {
      const { ok, verdict } = await run(misbehaviour, { nodeKills, consumerKills })
      expect(verdict.violations[kind], renderVerdict(verdict)).toBeGreaterThan(0)
      expect(ok).toBe(false)
    }, 60_000)
  }
})
