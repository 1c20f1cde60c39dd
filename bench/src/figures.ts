/**
 * `npm run figures -- --group node|cluster [--only ID]`: the entry point that measures what was asked of
 * the product. Prints one line per figure as it is known; exit 1 on a miss.
 */
import { writeFileSync } from "node:fs"
import { parseFigureArguments } from "./cli/figureArguments.js"
import { UsageError, usageExitCode } from "./cli/UsageError.js"
import { figures } from "./figures/registry.js"
import { commitOf, measureFigure, type Outcome, realTools } from "./figures/run.js"
import { installCleanup } from "./process/Cleanup.js"

const say = (text: string): void => void process.stdout.write(`${text}\n`)

const main = async (): Promise<number> => {
  const chosen = parseFigureArguments(process.argv.slice(2), figures)
  if (typeof chosen === "string") {
    say(chosen)
    return 0
  }
  installCleanup()
  const commit = await commitOf()
  const tools = realTools(chosen.quick)
  const outcomes: Outcome[] = []
  for (const figure of chosen.figures) {
    process.stderr.write(`measuring ${figure.id}\n`)
    const outcome = await measureFigure(figure, tools, commit)
    outcomes.push(outcome)
    say(`${outcome.id.padEnd(5)} ${outcome.verdict.padEnd(4)}  asked: ${outcome.asked}`)
    say(`            measured: ${outcome.measured}`)
    for (const command of outcome.commands) say(`            command: ${command}`)
    say(`            commit: ${outcome.commit}`)
  }
  if (chosen.quick) say("Quick runs: they show that a figure can be measured, not what it is.")
  const { group, quick } = chosen
  const text = `${JSON.stringify({ group, quick, outcomes }, null, 2)}\n`
  if (chosen.json === "-") say(text)
  else if (chosen.json) writeFileSync(chosen.json, text)
  return outcomes.some(({ verdict }) => verdict === "miss") ? 1 : 0
}

try {
  process.exitCode = await main()
} catch (error) {
  const isUsage = error instanceof UsageError
  const text = error instanceof Error ? (isUsage ? error.message : error.stack) : String(error)
  process.stderr.write(`${text}\n`)
  process.exitCode = isUsage ? usageExitCode : 1
}
