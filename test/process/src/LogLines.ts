/**
 * Where the lines that run through the fabric come from: real log files in SKEIN_TEST_DATA or in
 * `shared/data` beside the checkout, else a file generated from the seed. Every report says which.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Prng } from "@skein/test-checker"

export interface LogSource {
  /** Its lines go to this queue. */
  readonly queue: string
  readonly file: string
  readonly origin: "real" | "generated"
}

const realFiles: ReadonlyArray<readonly [queue: string, file: string]> = [
  ["openssh", "OpenSSH_2k.log"],
  ["apache", "Apache_2k.log"],
  ["hdfs", "HDFS_2k.log"],
]

const generatedLines = 2_000

/** The data directory named by `asked` or the environment, or found beside the checkout. */
export const findDataDirectory = (asked: string | undefined): string | undefined => {
  const named = asked ?? process.env.SKEIN_TEST_DATA
  if (named !== undefined && named !== "") {
    if (!existsSync(named)) throw new Error(`no data directory ${named}`)
    return named
  }
  const checkout = new URL("../../../", import.meta.url).pathname
  return ["../shared/data", "../../shared/data"]
    .map((path) => join(checkout, path))
    .find((path) => existsSync(path))
}

/** The sources for a run; generated files are written below `scratch`. */
export const findLogSources = (
  data: string | undefined,
  seed: string,
  scratch: string,
): ReadonlyArray<LogSource> => {
  const real = realFiles
    .map(([queue, name]) => ({ queue, file: join(data ?? scratch, name) }))
    .filter(({ file }) => data !== undefined && existsSync(file))
    .map((source) => ({ ...source, origin: "real" as const }))
  return real.length > 0 ? real : [generate(seed, scratch)]
}

/** The lines of a log without their ends; empty lines are left out. */
export const readLogLines = (file: string): ReadonlyArray<string> =>
  readFileSync(file, "utf8")
    .split(/\r?\n/)
    .filter((line) => line !== "")

const generate = (seed: string, scratch: string): LogSource => {
  const prng = new Prng(`${seed}/log lines`)
  const lines: Array<string> = []
  for (let line = 0; line < generatedLines; line++) {
    const words = Array.from({ length: prng.between(1, 30) }, () => prng.next().toString(36))
    lines.push(
      `${String(line).padStart(6, "0")} host sshd[${prng.between(1, 99_999)}]: ${words.join(" ")}`,
    )
  }
  mkdirSync(scratch, { recursive: true })
  const file = join(scratch, "generated.log")
  writeFileSync(file, `${lines.join("\n")}\n`)
  return { queue: "generated", file, origin: "generated" }
}
