/**
 * `npm run bench -- SCENARIO`: the entry point. Wires arguments, systems, race and report; prints
 * the table on standard output and everything else on standard error.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { type Command, parseCommand } from "./cli/arguments.js"
import { helpText } from "./cli/help.js"
import { UsageError, usageExitCode } from "./cli/UsageError.js"
import { installCleanup, runCleanup } from "./process/Cleanup.js"
import { isMemoryDisk } from "./process/disk.js"
import { type RaceResult, race } from "./Race.js"
import { type Curves, chartSvg } from "./report/chart.js"
import { Progress } from "./report/Progress.js"
import { type Report, ratiosOf, resultOf, versionText } from "./report/Report.js"
import { tableText } from "./report/table.js"
import type { System } from "./System.js"
import { scenarios } from "./scenarios/registry.js"
import { systemNamed } from "./systems/registry.js"

const say = (text: string): void => void process.stderr.write(`${text}\n`)

const main = async (): Promise<number> => {
  const command = parseCommand(process.argv.slice(2), os.tmpdir())
  if (command === "help") {
    process.stdout.write(`${helpText()}\n`)
    return 0
  }
  installCleanup()
  mkdirSync(command.settings.dir, { recursive: true })
  if (isMemoryDisk(command.settings.dir)) {
    say(`${command.settings.dir} lies in memory: a sync costs nothing there; give --dir`)
  }
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
