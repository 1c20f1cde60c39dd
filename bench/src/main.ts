/**
 * `npm run bench -- SCENARIO`: the entry point. Wires arguments, systems, race and report; prints
 * the table on standard output and everything else on standard error.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { type Command, parseCommand } from "./cli/arguments.js"
import { isClusterLine, parseClusterCommand } from "./cli/clusterArguments.js"
import { clusterHelpText } from "./cli/clusterHelp.js"
import { helpText } from "./cli/help.js"
import { UsageError, usageExitCode } from "./cli/UsageError.js"
import type { ClusterScenarioName } from "./cluster/ClusterScenario.js"
import { clusterScenarios } from "./cluster/registry.js"
import { installCleanup, runCleanup } from "./process/Cleanup.js"
import { isMemoryDisk } from "./process/disk.js"
import { type RaceResult, race } from "./Race.js"
import { clusterReportOf } from "./report/ClusterReport.js"
import { type Curves, chartSvg } from "./report/chart.js"
import { clusterTableText } from "./report/clusterTable.js"
import { Progress } from "./report/Progress.js"
import { type Report, ratiosOf, resultOf, versionText } from "./report/Report.js"
import { tableText } from "./report/table.js"
import { timelineSvg } from "./report/timelineChart.js"
import type { System } from "./System.js"
import { scenarios } from "./scenarios/registry.js"
import { systemNamed } from "./systems/registry.js"
import { skeinVersion } from "./systems/Skein.js"

const say = (text: string): void => void process.stderr.write(`${text}\n`)

const main = async (): Promise<number> => {
  const args = process.argv.slice(2)
  if (isClusterLine(args)) return mainOfCluster(args)
  const command = parseCommand(args, os.tmpdir())
  if (command === "help") {
    process.stdout.write(`${helpText()}\n`)
    return 0
  }
  prepare(command.settings.dir)
  const systems = await present(command)
  if (systems.length === 0) {
    say("nothing to measure")
    return 1
  }
  const progress = new Progress()
  const scenario = scenarios[command.scenario]
  const result = await race(scenario, systems, command.settings, progress.step)
  progress.end()
  for (const { system, message } of result.failed) say(`${system.name} failed: ${message}`)
  if (result.measured.length === 0) return 1
  await publish(command, result)
  return result.failed.length > 0 ? 1 : 0
}

/** `move`, `failover` and so on: one fabric of several processes, without peers. */
const mainOfCluster = async (args: readonly string[]): Promise<number> => {
  const command = parseClusterCommand(args, os.tmpdir())
  if (command === "help") {
    process.stdout.write(`${clusterHelpText(args[0] as ClusterScenarioName)}\n`)
    return 0
  }
  const { settings, json, chart } = command
  prepare(settings.dir)
  const progress = new Progress()
  const scenario = clusterScenarios[command.scenario]
  const planned = scenario.secondsPlanned(settings)
  const onStep = (what: string, done: number): void => progress.step(what, done, planned)
  const take = await scenario.take(settings, onStep).finally(() => progress.end())
  const report = clusterReportOf(scenario.name, settings, skeinVersion, take)
  process.stdout.write(`${clusterTableText(report)}\n`)
  if (json) write(json, `${JSON.stringify(report, null, 2)}\n`)
  if (chart) write(chart, timelineSvg(report))
  return 0
}

const prepare = (dir: string): void => {
  installCleanup()
  mkdirSync(dir, { recursive: true })
  if (isMemoryDisk(dir)) say(`${dir} lies in memory: a sync costs nothing there; give --dir`)
}

/** The systems that can take part; says why the others do not. */
const present = async (command: Command): Promise<readonly System[]> => {
  const demand = scenarios[command.scenario].demand(command.settings)
  const found: System[] = []
  for (const name of command.systems) {
    const system = systemNamed(name)
    const reason = (await system.absent()) ?? system.unfit(demand)
    if (reason === undefined) found.push(system)
    else say(`${name} is skipped: ${reason}`)
  }
  return found
}

const publish = async (command: Command, result: RaceResult): Promise<void> => {
  const now = new Date()
  const results = await Promise.all(
    result.measured.map(async (one) => resultOf(one, versionText(await one.system.version(), now))),
  )
  const { scenario, settings } = command
  const report: Report = { scenario, settings, results, ratios: ratiosOf(scenario, results) }
  const consumed = result.measured.map((one) => one.consumed)
  process.stdout.write(`${tableText(report, consumed)}\n`)
  if (command.json) write(command.json, `${JSON.stringify(report, null, 2)}\n`)
  if (!command.chart) return
  const curves: Curves = Object.fromEntries(
    result.measured.map((one) => [one.system.name, one.endToEnd.curve()]),
  )
  write(command.chart, chartSvg(report, curves))
}

const write = (file: string, text: string): void => {
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true })
  writeFileSync(file, text)
  say(`wrote ${file}`)
}

try {
  process.exitCode = await main()
} catch (error) {
  const isUsage = error instanceof UsageError
  say(
    isUsage ? error.message : error instanceof Error ? (error.stack ?? error.message) : `${error}`,
  )
  process.exitCode = isUsage ? usageExitCode : 1
} finally {
  await runCleanup()
}
process.exit()
