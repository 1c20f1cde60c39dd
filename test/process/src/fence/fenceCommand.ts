/**
 * `npm run fence`: flags in, a run for each phase, one report out.
 * Exit code 0: valid; 1: a violation, or a run could not be finished; 2: wrong use.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import type { FailpointPhase } from "@skein/journal"
import { progressTo } from "../faults/Progress.js"
import { findDataDirectory } from "../LogLines.js"
import { renderReport, reportOf } from "./FenceReport.js"
import { type FenceRunReport, runFence } from "./FenceRun.js"
import { isFaultyBuild } from "./faultyBuilds.js"
import { phases, roundsOf } from "./fencePhases.js"

const usage =
  "usage: fence [--phase commit|takeover|move|all] [--at FAILPOINT] [--seed S] [--nodes N]\n" +
  "             [--fault unchecked|early-check|read-before-token] [--data DIR]\n" +
  "             [--output table|json] [--keep]\n"

export const fenceCommand = async (): Promise<number> => {
  let flags: ReturnType<typeof readFlags>
  try {
    flags = readFlags()
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`)
    return 2
  }
  const { seed, nodes, data, fault } = flags
  const progress = progressTo(process.stderr)
  const runs: Array<FenceRunReport> = []
  const failures: Array<string> = []
  for (const { phase, rounds } of flags.chosen) {
    const directory = mkdtempSync(join(tmpdir(), "skein-fence-"))
    let isValid = false
    try {
      const run = await runFence({
        ...{ directory, seed: String(seed), nodes, data, rounds, moves: phase === "move" },
        ...(fault !== undefined && { fault }),
        onProgress: (text) => progress.step(text),
      })
      runs.push(run)
      isValid = run.ok
    } catch (error) {
      failures.push(`${phase}: ${(error as Error).message}`)
    }
    if (isValid && !flags.keep) rmSync(directory, { recursive: true })
    else progress.keep(`phase ${phase}: kept ${directory}`)
  }
  progress.end()
  const report = reportOf({ seed, nodes, runs, failures })
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : renderReport(report))
  return report.ok ? 0 : 1
}

const readFlags = () => {
  const { values } = parseArgs({
    options: {
      phase: { type: "string", default: "all" },
      at: { type: "string" },
      seed: { type: "string" },
      nodes: { type: "string", default: "3" },
      fault: { type: "string" },
      data: { type: "string" },
      output: { type: "string", default: "table" },
      keep: { type: "boolean", default: false },
    },
  })
  const { output, fault } = values
  if (output !== "table" && output !== "json") {
    throw new Error(`--output is table or json, not ${output}`)
  }
  if (fault !== undefined && !isFaultyBuild(fault)) throw new Error(`no faulty build ${fault}`)
  return {
    chosen: chosenRounds(values.phase, values.at),
    // A seed that nobody chose is shown in the report, so that the run can be repeated.
    seed: whole("--seed", values.seed ?? String((Date.now() % 1_000_000) + 1), 1, 1e9),
    nodes: whole("--nodes", values.nodes, 2, 16),
    fault,
    data: findDataDirectory(values.data),
    json: output === "json",
    keep: values.keep,
  }
}

const chosenRounds = (phase: string, at: string | undefined) => {
  const isAsked = (each: FailpointPhase): boolean => phase === "all" || phase === each
  const asked = phases.filter(isAsked).map((each) => ({
    phase: each,
    rounds: roundsOf(each).filter((round) => at === undefined || round.at === at),
  }))
  const chosen = asked.filter(({ rounds }) => rounds.length > 0)
  if (chosen.length > 0) return chosen
  const what = at === undefined ? `no phase ${phase}` : `no failpoint ${at}`
  throw new Error(`${what}; there are ${phases.flatMap(names).join(", ")}`)
}

const names = (phase: FailpointPhase): ReadonlyArray<string> => [
  phase,
  ...new Set(roundsOf(phase).map(({ at }) => at)),
]

const whole = (flag: string, text: string, least: number, most: number): number => {
  const count = Number(text)
  if (Number.isInteger(count) && count >= least && count <= most && text !== "") return count
  throw new Error(`${flag}: "${text}" is not a whole number from ${least} to ${most}`)
}
