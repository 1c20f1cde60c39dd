/**
 * `node dist/main.js [--output json] DIRECTORY|FILE...` judges client logs.
 * Exit code 0: valid; 1: a violation; 2: wrong use.
 */
import { statSync } from "node:fs"
import { parseArgs } from "node:util"
import { checkLogFiles, findLogFiles } from "./LogFile.js"
import { renderVerdict } from "./Verdict.js"

const usage = "usage: check [--output json|text] DIRECTORY|FILE...\n"

const main = (): number => {
  try {
    const { values, positionals } = parseArgs({
      options: { output: { type: "string", default: "text" } },
      allowPositionals: true,
    })
    if (positionals.length === 0) throw new Error("no log given")
    const files = positionals.flatMap((path) =>
      statSync(path).isDirectory() ? findLogFiles(path) : [path],
    )
    const verdict = checkLogFiles(files)
    const json = values.output === "json"
    process.stdout.write(`${json ? JSON.stringify(verdict) : renderVerdict(verdict)}\n`)
    return verdict.ok ? 0 : 1
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${usage}`)
    return 2
  }
}

process.exitCode = main()
