/**
 * `npm run faults`: flags in, runs, one report out.
 * Exit code 0: valid; 1: a violation, or a run could not be finished; 2: wrong use.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { findDataDirectory } from "../LogLines.js"
import { renderReport, reportOf } from "./FaultReport.js"
import { type RunReport, runFaults } from "./FaultRun.js"
import { findFakeTime } from "./kinds/clockFaults.js"
import { chooseFaults } from "./kinds/index.js"
import { progressTo } from "./Progress.js"

const usage =
  "usage: faults [--runs N] [--seed S] [--minutes M] [--nodes N] [--faults N] [--kinds A,B]\n" +
  "              [--recover-ms N] [--lease-ms N] [--data DIR] [--output table|json] [--keep]\n"

export const faultsCommand = async (): Promise<number> => {
  let flags: ReturnType<typeof readFlags>
  try {
    flags = readFlags()
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`)
    return 2
  }
  const { chosen, leftOut } = flags
  const progress = progressTo(process.stderr)
  const reports: Array<RunReport> = []
  const failures: Array<string> = []
  for (let run = 0; run < flags.runs && (run === 0 || Date.now() < flags.deadlineMs); run++) {
    const directory = mkdtempSync(join(tmpdir(), "skein-faults-"))
    const seed = String(flags.seed + run)
    let valid = false
    try {
      const report = await runFaults({
        ...flags,
        ...{ directory, seed, kinds: chosen },
        onProgress: (text) => progress.step(`run ${run + 1} of ${flags.runs}, ${text}`),
      })
      reports.push(report)
      valid = report.ok
    } catch (error) {
      failures.push((error as Error).message)
    }
    if (valid && !flags.keep) rmSync(directory, { recursive: true })
    else progress.keep(`run with seed ${seed}: kept ${directory}`)
  }
  progress.end()
  const report = reportOf({ seed: flags.seed, nodes: flags.nodes, reports, failures, leftOut })
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : renderReport(report))
  return report.ok ? 0 : 1
}

const readFlags = () => {
  const { values } = parseArgs({
    options: {
      runs: { type: "string" },
      seed: { type: "string" },
      minutes: { type: "string" },
      nodes: { type: "string", default: "3" },
      faults: { type: "string", default: "20" },
      kinds: { type: "string" },
      "recover-ms": { type: "string", default: "10000" },
      "lease-ms": { type: "string", default: "30000" },
      data: { type: "string" },
      output: { type: "string", default: "table" },
      keep: { type: "boolean", default: false },
    },
  })
  if (values.output !== "table" && values.output !== "json") {
    throw new Error(`--output is table or json, not ${values.output}`)
  }
  const { minutes } = values
  const minutesMs = minutes === undefined ? undefined : whole("--minutes", minutes, 10_000) * 60_000
  const nodes = whole("--nodes", values.nodes, 16)
  const fakeTime = findFakeTime()
  return {
    // With a time and no number of runs, it is the time that ends them.
    runs: whole("--runs", values.runs ?? (minutes === undefined ? "1" : "1000000"), 1_000_000),
    // A seed that nobody chose is shown in the report, so that the run can be repeated.
    seed: whole("--seed", values.seed ?? String((Date.now() % 1_000_000) + 1), 1_000_000_000),
    deadlineMs: Date.now() + (minutesMs ?? 1e12),
    nodes,
    faults: whole("--faults", values.faults, 100_000),
    ...chooseFaults(values.kinds?.split(","), { nodes, fakeTime }),
    fakeTime,
    recoverMs: whole("--recover-ms", values["recover-ms"], 600_000),
    leaseMs: whole("--lease-ms", values["lease-ms"], 600_000),
    data: findDataDirectory(values.data),
    json: values.output === "json",
    keep: values.keep,
  }
}

const whole = (flag: string, text: string, most: number): number => {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= most && text !== "") return count
  throw new Error(`${flag}: "${text}" is not a whole number from 1 to ${most}`)
}
