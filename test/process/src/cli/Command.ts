/**
 * The real `skein` command for tests: run to its end, or started and talked to. All that a test
 * starts and makes is gone when it ends.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { connect, type SkeinClient } from "@skein/client"
import { onTestFinished } from "vitest"
import { adopt } from "../adopt.js"
import { ProcessUnderTest, type ServeCommand } from "../ProcessUnderTest.js"
import { within } from "../within.js"

export const main = fileURLToPath(new URL("../../../../apps/skein/dist/main.js", import.meta.url))

export const temporaryDirectory = (): string => {
  const dir = mkdtempSync(join(tmpdir(), "skein-process-cli-"))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

export const environment = (more: Record<string, string>): Record<string, string> => ({
  PATH: process.env.PATH ?? "",
  ...more,
})

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ran>
  /** Resolves when standard output holds the text. */
  readonly wrote: (text: string) => Promise<void>
}

export const start = (
  argv: readonly string[],
  options: {
    readonly env?: Record<string, string>
    readonly cwd?: string
    readonly withinMs?: number
  } = {},
): Running => {
  const { env = {}, cwd = temporaryDirectory(), withinMs = 30_000 } = options
  const child = adopt(spawn(process.execPath, [main, ...argv], { env: environment(env), cwd }))
  let out = ""
  let err = ""
  const waiters: { readonly text: string; readonly seen: () => void }[] = []
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text
    for (const { text: wanted, seen } of waiters) if (out.includes(wanted)) seen()
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text
  })
  const ended = new Promise<Ran>((resolve) => {
    child.once("close", (code) => resolve({ code, out, err }))
  })
  const wrote = (text: string): Promise<void> => {
    const seen = new Promise<void>((resolve) => {
      if (out.includes(text)) resolve()
      waiters.push({ text, seen: resolve })
    })
    return within(seen, 20_000, `${JSON.stringify(text)} on standard output`)
  }
  return { child, ended: within(ended, withinMs, `end of skein ${argv.join(" ")}`), wrote }
}

export const run = (
  argv: readonly string[],
  options: {
    readonly env?: Record<string, string>
    readonly cwd?: string
    readonly withinMs?: number
    readonly input?: string
  } = {},
): Promise<Ran> => {
  const { child, ended } = start(argv, options)
  child.stdin?.end(options.input ?? "")
  return ended
}

/** One shard unless `more` says how many: a node of one starts quickly. */
export const serve =
  (...more: readonly string[]): ServeCommand =>
  (dir, port) => [
    ...[process.execPath, main, "node", "start", "--dir", dir, "--port", String(port)],
    ...(more.includes("--shards") ? [] : ["--shards", "1"]),
    ...["--output", "json", ...more],
  ]

export const node = async (
  command = serve(),
  dir = temporaryDirectory(),
): Promise<ProcessUnderTest> => {
  const started = new ProcessUnderTest(dir, command)
  onTestFinished(async () => {
    await started.kill()
  })
  await started.start()
  return started
}

export const clientOf = async (address: string): Promise<SkeinClient> => {
  const client = await connect({ address })
  onTestFinished(() => client.close({ timeoutMs: 100 }).catch(() => {}))
  return client
}
