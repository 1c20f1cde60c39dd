/**
 * The common part of the `logs` and `kills` commands: flags in, a run, a report out.
 * Exit code 0: valid; 1: a violation, or the run could not be finished; 2: wrong use.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { renderVerdict } from "@skein/test-checker"
import { findDataDirectory, findLogSources } from "./LogLines.js"
import { serveSkein } from "./ProcessUnderTest.js"
import { runTraffic, type TrafficReport } from "./Traffic.js"

export interface Defaults {
  readonly name: "logs" | "kills"
  readonly nodeKills: number
  readonly consumerKills: number
  /** Publishes confirmed between two kills, at least. */
  readonly confirmedBetweenKillsMin: number
}

/** Kills asked for in one run, at most. */
const killsMax = 100_000

const skeinAdapter = fileURLToPath(new URL("../dist/SkeinClient.js", import.meta.url))

export const trafficCommand = async (defaults: Defaults): Promise<number> => {
  let flags: ReturnType<typeof readFlags>
  try {
    flags = readFlags(defaults)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usageOf(defaults)}`)
    return 2
  }
  const directory = mkdtempSync(join(tmpdir(), `skein-${defaults.name}-`))
  let valid = false
  try {
    const report = await runTraffic({
      directory,
      serve: serveSkein,
      adapter: flags.adapter,
      sources: findLogSources(flags.data, flags.seed, directory),
      seed: flags.seed,
      nodeKills: flags.nodeKills,
      consumerKills: flags.consumerKills,
      confirmedBetweenKillsMin: defaults.confirmedBetweenKillsMin,
      onProgress: (text) => process.stderr.write(`${text}\n`),
    })
    valid = report.ok
    process.stdout.write(`${flags.json ? JSON.stringify(report) : renderReport(report)}\n`)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
  }
  if (valid && !flags.keep) rmSync(directory, { recursive: true })
  else process.stderr.write(`kept ${directory}\n`)
  return valid ? 0 : 1
}

const readFlags = (defaults: Defaults) => {
  const { values } = parseArgs({
    options: {
      data: { type: "string" },
      seed: { type: "string" },
      cycles: { type: "string" },
      "node-kills": { type: "string" },
      "consumer-kills": { type: "string" },
      adapter: { type: "string", default: skeinAdapter },
      output: { type: "string", default: "table" },
      keep: { type: "boolean", default: false },
    },
  })
  if (values.output !== "table" && values.output !== "json") {
    throw new Error(`--output is table or json, not ${values.output}`)
  }
  const nodeKills = values.cycles ?? values["node-kills"]
  return {
    data: findDataDirectory(values.data),
    // A seed that nobody chose is shown in the report, so that the run can be repeated.
    seed: values.seed ?? String(Date.now() % 1_000_000),
    nodeKills: kills(nodeKills, defaults.nodeKills),
    consumerKills: kills(values["consumer-kills"], defaults.consumerKills),
    adapter: values.adapter,
    json: values.output === "json",
    keep: values.keep,
  }
}

const kills = (text: string | undefined, otherwise: number): number => {
  if (text === undefined) return otherwise
  const count = Number(text)
  if (Number.isInteger(count) && count >= 0 && count <= killsMax && text !== "") return count
  throw new Error(`"${text}" is not a number of kills from 0 to ${killsMax}`)
}

const usageOf = ({ name }: Defaults): string =>
  name === "logs"
    ? "usage: logs [--data DIR] [--node-kills N] [--consumer-kills N] [--seed S] " +
      "[--output table|json] [--keep]\n"
    : "usage: kills [--cycles N] [--data DIR] [--consumer-kills N] [--seed S] " +
      "[--output table|json] [--keep]\n"

const renderReport = ({ seed, sources, kills, verdict, nodeExit }: TrafficReport): string => {
  const counted = kills.filter((kill) => kill.counted)
  const count = (what: string): number => counted.filter((kill) => kill.what === what).length
  const { violations, figures } = verdict
  return [
    `seed ${seed}`,
    ...sources.map(({ queue, file, origin }) => `${origin} lines of ${file} through ${queue}`),
    `kills in traffic: ${count("node")} of the node, ${count("consumer")} of consumers, ` +
      `${kills.length - counted.length} repeated for too few publishes in flight`,
    `node ended with ${nodeExit.code ?? nodeExit.signal} after SIGTERM`,
    renderVerdict(verdict),
    `confirmed ${figures.confirmed}, lost ${violations.lost + violations.unprocessed}, ` +
      `invented ${violations.invented}, unflagged duplicates ${violations.unflaggedDuplicates}`,
  ].join("\n")
}
