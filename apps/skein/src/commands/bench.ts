/** Owns: `skein bench`: hands over to the load bench, which lives in the source tree only. */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { UsageError } from "../arguments/UsageError.js"
import { exitCodes } from "../exitCodes.js"
import type { RunCommand } from "./CommandContext.js"

const benchProgram = fileURLToPath(new URL("../../../../bench/dist/main.js", import.meta.url))

export const run: RunCommand = ({ invocation, signal }) => {
  if (!existsSync(benchProgram)) {
    throw new UsageError(
      "the load bench is not here: it is a part of the source tree and not of this package.",
      "In a clone of the source: npm run bench -- SCENARIO.",
    )
  }
  const child = spawn(process.execPath, [benchProgram, ...invocation.args], { stdio: "inherit" })
  // At a terminal it gets Ctrl-C itself; a signal to this process alone must reach it too.
  signal.addEventListener("abort", () => child.kill("SIGTERM"), { once: true })
  return new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("exit", (code) => resolve(code ?? exitCodes.interrupted))
  })
}
