/**
 * The fence in its short form, by real processes. That builds with their steps in a wrong order are
 * found is shown in journal-file (`fence.test.ts`), where it does not hang on who is quicker.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { failpoints } from "@skein/journal"
import { formatRecord, type LogRecord, renderVerdict } from "@skein/test-checker"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { roundFigures } from "./FenceLedger.js"
import { type FenceRunReport, type Round, runFence } from "./FenceRun.js"
import { phases, roundsOf } from "./fencePhases.js"

let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "skein-fence-"))
})
afterEach(() => rmSync(directory, { recursive: true }))

const run = (rounds: ReadonlyArray<Round>) =>
  runFence({
    ...{ directory, seed: "5", nodes: 3, data: undefined, rounds },
    onProgress: () => {},
  })

const shown = ({ verdict, problems }: FenceRunReport): string =>
  [...problems, renderVerdict(verdict)].join("\n")

describe("fencing", () => {
  it("C4: what an owner confirmed is held by the next one, wherever it stood still", async () => {
    const report = await run([
      { at: "commit.gathered", stands: "beyond", consumersRest: true },
      { at: "commit.checked", stands: "beyond" },
      { at: "takeover.synced", stands: "within" },
      { at: "move.handed", stands: "beyond" },
    ])
    expect(report.ok, shown(report)).toBe(true)
    expect(report.rounds.map(({ at }) => at)).toHaveLength(4)
    for (const { inFlight, confirmed, stoodMs } of report.rounds) {
      expect(Math.min(inFlight, confirmed, stoodMs)).toBeGreaterThan(99)
    }
  }, 240_000)
})

it("the phases take in every failpoint", () => {
  for (const phase of phases) {
    expect(new Set(roundsOf(phase).map(({ at }) => at))).toEqual(new Set(failpoints[phase]))
  }
})

describe("the figures of rounds", () => {
  const publish = (
    counter: number,
    phase: "fail" | "info" | "invoke" | "ok",
    timeNs: number,
  ): LogRecord => ({
    ...{ op: "publish", phase, process: "p", counter, timeNs, queue: "q", id: `p-${counter}` },
    ...{ producer: "p", body: "0123456789ab" },
  })
  const deliver = (counter: number, sequence: number, timeNs: number): LogRecord => ({
    ...{ op: "deliver", phase: "ok", process: "c", counter, timeNs, queue: "q" },
    ...{ id: `p-${counter}`, body: "0123456789ab", redelivered: false, failed: 0, returned: 0 },
    ...{ tag: ["1", sequence, 1, 0], sinceNs: 0 },
  })
  const figures = (...records: ReadonlyArray<LogRecord>) => {
    const file = join(directory, "log")
    writeFileSync(file, records.map(formatRecord).join(""))
    return roundFigures(
      [file],
      [
        { standsNs: 10, endsNs: 20 },
        { standsNs: 30, endsNs: 40 },
      ],
    )
  }

  it("count a confirm to the round in which it came, and what nobody consumed as lost", () => {
    const [first, second] = figures(
      ...[publish(1, "invoke", 5), publish(1, "ok", 15), deliver(1, 1, 50)],
      ...[publish(2, "invoke", 6), publish(2, "ok", 25)],
    )
    expect(first).toEqual({ inFlight: 2, confirmed: 1, held: 1, lost: 0, adopted: 0 })
    expect(second).toEqual({ inFlight: 0, confirmed: 1, held: 0, lost: 1, adopted: 0 })
  })

  it("count what was stored twice, or against a refusal, as adopted", () => {
    const [first] = figures(
      ...[publish(1, "invoke", 5), publish(1, "ok", 15), deliver(1, 1, 50), deliver(1, 2, 51)],
      ...[publish(2, "invoke", 6), publish(2, "fail", 16), deliver(2, 3, 52)],
      ...[publish(3, "invoke", 7), publish(3, "info", 17), deliver(3, 4, 53), deliver(3, 4, 54)],
    )
    expect(first).toEqual({ inFlight: 3, confirmed: 1, held: 1, lost: 0, adopted: 2 })
  })
})
