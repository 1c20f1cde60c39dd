/** The fault harness in its short form, and on stubs that break their promises. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { renderVerdict, type ViolationKind } from "@skein/test-checker"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { renderReport, reportOf } from "./FaultReport.js"
import { type RunReport, runFaults } from "./FaultRun.js"
import { chooseFaults } from "./kinds/index.js"
import { progressTo } from "./Progress.js"

const stubBroker = fileURLToPath(new URL("../../dist/stub/StubBroker.js", import.meta.url))
const stubClient = fileURLToPath(new URL("../../dist/stub/StubClient.js", import.meta.url))

let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "skein-faults-"))
})
afterEach(() => rmSync(directory, { recursive: true }))

const oneNode = { nodes: 1, fakeTime: undefined }

const run = (
  kinds: ReadonlyArray<string>,
  faults: number,
  { misbehaviour, nodes = 1 }: { readonly misbehaviour?: string; readonly nodes?: number } = {},
) =>
  runFaults({
    ...{ directory, seed: "3", nodes, fakeTime: undefined, faults, recoverMs: 20_000 },
    ...{ leaseMs: 5_000, data: undefined },
    kinds: chooseFaults(kinds, { nodes, fakeTime: undefined }).chosen,
    deadlineMs: Number.POSITIVE_INFINITY,
    onProgress: () => {},
    ...(misbehaviour === undefined
      ? {}
      : {
          other: {
            serve: (data: string, port: number) => [
              ...[process.execPath, stubBroker],
              ...[data, String(port), misbehaviour],
            ],
            adapter: stubClient,
          },
        }),
  })

const shown = ({ verdict, problems }: RunReport): string =>
  [...problems, renderVerdict(verdict)].join("\n")

describe("the fault harness", () => {
  it("NF9: one node keeps all its promises through faults of six kinds", async () => {
    const kinds = ["kill-node", "pause-node", "kill-consumer", "cut-clients"]
    const report = await run([...kinds, "half-open-clients", "tear-frames"], 6)
    expect(report.ok, shown(report)).toBe(true)
    expect(report.hit).toBe(6)
    expect(new Set(report.verdict.faults.map(({ name }) => name)).size).toBe(6)
    expect(report.verdict.figures.confirmed).toBeGreaterThan(1_000)
  }, 240_000)

  it("C8: three nodes keep all their promises through faults of six kinds", async () => {
    const kinds = ["kill-node", "pause-node", "restart-node", "isolate-node"]
    const report = await run([...kinds, "kill-consumer", "cut-clients"], 6, { nodes: 3 })
    expect(report.ok, shown(report)).toBe(true)
    expect(report.hit).toBe(6)
    expect(new Set(report.verdict.faults.map(({ name }) => name)).size).toBe(6)
    expect(report.verdict.figures.confirmed).toBeGreaterThan(1_000)
  }, 240_000)

  const planted: ReadonlyArray<readonly [string, string, ViolationKind]> = [
    ["lose", "kill-publisher", "lost"],
    ["unflag", "kill-consumer", "unflaggedDuplicates"],
    ["store-twice", "kill-consumer", "doubled"],
  ]
  for (const [misbehaviour, kind, violation] of planted) {
    it(`reports ${violation} of a stub told to ${misbehaviour}`, async () => {
      const report = await run([kind], 1, { misbehaviour })
      expect(report.verdict.violations[violation], shown(report)).toBeGreaterThan(0)
      const whole = reportOf({ seed: 3, nodes: 1, reports: [report], failures: [], leftOut: [] })
      expect(whole.ok).toBe(false)
      expect(renderReport(whole)).toContain("INVALID: 1 faults hit work in flight")
    }, 120_000)
  }
})

describe("kinds of faults", () => {
  it("are left out with the reason, or refused if there is no such kind", () => {
    const { chosen, leftOut } = chooseFaults(undefined, oneNode)
    expect(chosen.map(({ name }) => name)).toContain("restart-node")
    expect(leftOut.map(({ name }) => name)).toEqual([
      ...["isolate-node", "step-clock", "move-shard", "drain-node"],
      ...["partition-nodes", "full-disk"],
    ])
    expect(() => chooseFaults(["kill-nodes"], oneNode)).toThrow("no fault kill-nodes; there are")
    const able = chooseFaults(undefined, { nodes: 3, fakeTime: "/lib.so" })
    expect(able.chosen.map(({ name }) => name)).toContain("isolate-node")
    expect(able.chosen.map(({ name }) => name)).toContain("step-clock")
  })
})

it("progress is one changing line on a terminal and a line per step elsewhere", () => {
  const written = (isTTY: boolean): string => {
    let text = ""
    const write = (more: string): boolean => {
      text += more
      return true
    }
    const progress = progressTo({ write, isTTY, columns: 11 } as never)
    progress.step("a long first step")
    progress.keep("kept")
    progress.end()
    return text
  }
  expect(written(false)).toBe("a long first step\nkept\n")
  expect(written(true)).toBe("\r\u001b[Ka long fir\r\u001b[Kkept\n\r\u001b[K")
})
