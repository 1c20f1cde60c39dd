/**
 * Runs figures one after the other, each command in a process of its own, so that no figure
 * inherits the warm or tired state of another. A figure that cannot be measured is a miss with
 * its reason.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { ownDir, ownGroup } from "../process/Cleanup.js"
import type { ClusterReport } from "../report/ClusterReport.js"
import type { Report } from "../report/Report.js"
import type { Figure, Tools } from "./Figure.js"

export interface Outcome {
  readonly id: string
  readonly asked: string
  readonly measured: string
  readonly verdict: "ok" | "miss"
  readonly commands: readonly string[]
  readonly commit: string
}

const benchFile = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../main.js")

export const measureFigure = async (
  figure: Figure,
  tools: Tools,
  commit: string,
): Promise<Outcome> => {
  const { id, asked } = figure
  const commands = figure.commands(tools.quick).map(typed)
  try {
    const { measured, ok } = await figure.measure(tools)
    return { id, asked, measured, verdict: ok ? "ok" : "miss", commands, commit }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { id, asked, measured: `not measured: ${reason}`, verdict: "miss", commands, commit }
  }
}

/** As a person would type it: a figure names most commands by the arguments of the bench. */
const typed = (command: string): string =>
  /^(npm|npx|node) /.test(command) ? command : `npm run bench -- ${command}`

export const realTools = (quick: boolean): Tools => {
  const reportOf = async (args: string): Promise<unknown> => {
    const dir = mkdtempSync(path.join(os.tmpdir(), "figure-"))
    const removeDir = ownDir(dir)
    try {
      const file = path.join(dir, "report.json")
      const all = [benchFile, ...args.split(" "), "--json", file]
      const { code, errors } = await runCommand(process.execPath, all)
      if (code !== 0) throw new Error(errors.trim().split("\n").slice(-2).join("; "))
      return JSON.parse(readFileSync(file, "utf8"))
    } finally {
      removeDir()
    }
  }
  const bench = async (args: string): Promise<Report> => (await reportOf(args)) as Report
  const cluster = async (args: string): Promise<ClusterReport> =>
    (await reportOf(args)) as ClusterReport
  const run: Tools["run"] = async (command, args) => {
    const { code, output, errors } = await runCommand(command, args)
    if (code !== 0 && output.trim() === "") {
      throw new Error(`${command} ended with ${code}: ${errors.trim().split("\n")[0]}`)
    }
    return { code, output }
  }
  return { quick, bench, cluster, turns: takeTurns(bench), run }
}

/** A B A B … Exported for its tests. */
export const takeTurns =
  (bench: Tools["bench"]): Tools["turns"] =>
  async (commands, rounds) => {
    const reports: Report[][] = commands.map(() => [])
    for (let round = 0; round < rounds; round++) {
      for (const [index, command] of commands.entries()) {
        reports[index]!.push(await bench(command))
      }
    }
    return reports
  }

/** `abc1234`, with `-dirty` when the tree differs from it. */
export const commitOf = async (): Promise<string> => {
  const head = await runCommand("git", ["rev-parse", "--short", "HEAD"])
  if (head.code !== 0) return "unknown"
  const status = await runCommand("git", ["status", "--porcelain"])
  return head.output.trim() + (status.output.trim() === "" ? "" : "-dirty")
}

/** A group of its own: when this process ends early, nothing of the command stays behind. */
const runCommand = (
  command: string,
  args: readonly string[],
): Promise<{ code: number; output: string; errors: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] })
    const release = child.pid === undefined ? () => undefined : ownGroup(child.pid, "SIGTERM")
    let output = ""
    let errors = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text))
    child.once("error", reject)
    child.once("close", (code) => {
      release()
      resolve({ code: code ?? 1, output, errors })
    })
  })
