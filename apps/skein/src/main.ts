#!/usr/bin/env node
/**
 * Owns: the process of the `skein` command: its streams, signals, version and exit code. A first
 * Ctrl-C lets the command end in order, a second one ends it at once.
 */
import { readFileSync } from "node:fs"
import { wantsJson } from "./arguments/wantsJson.js"
import { loadFailure } from "./output/fileLimit.js"
import { systemTerminal } from "./output/Terminal.js"

const argv = process.argv.slice(2)
const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8")
const { version } = JSON.parse(manifest) as { readonly version: string }
const terminal = systemTerminal(process.env)

const main = async (): Promise<number> => {
  // Alone it is answered without loading anything; with --output, runSkein.ts answers it.
  if (
    argv.length === 1 &&
    process.env.SKEIN_OUTPUT === undefined &&
    (argv[0] === "--version" || argv[0] === "-V")
  ) {
    await terminal.out(`skein ${version}\n`)
    return 0
  }
  const interrupt = new AbortController()
  // Nodes have their own way to stop.
  const isServer = argv[0] === "node" || argv[0] === "cluster"
  if (!(isServer && argv.includes("start"))) onInterrupt(interrupt)
  const { runSkein } = await import("./runSkein.js")
  const nowMs = () => performance.now()
  return runSkein(argv, { env: process.env, terminal, version, signal: interrupt.signal, nowMs })
}

const onInterrupt = (interrupt: AbortController): void => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (interrupt.signal.aborted) process.exit(130)
      interrupt.abort()
    })
  }
}

// If nothing is left to wait for and the command has not ended, something went wrong.
process.exitCode = 1
// Standard output is written by now, and a pipe that is still open must not hold the process.
main().then(
  (code) => process.exit(code),
  // Commands tell their own errors; here the command itself could not be loaded or told.
  (cause) => {
    const text = loadFailure(cause, wantsJson(argv, process.env))
    process.stderr.write(text, () => process.exit(1))
  },
)
