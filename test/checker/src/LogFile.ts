/**
 * Reads client logs into a checker, in blocks, so that a log of any length needs little memory.
 * An unfinished last line (no newline) is the torn line of a killed client.
 */
import { closeSync, openSync, readdirSync, readSync } from "node:fs"
import { join } from "node:path"
import { Checker } from "./Checker.js"
import { lineLengthMax } from "./LogRecord.js"
import type { Verdict } from "./Verdict.js"

const blockBytes = 1 << 20
const newline = 10

/** Name of a client's log in the directory of a run. */
export const logFileName = (process: string): string => `${process}.client.jsonl`

/** The logs in a directory, in the order of their names. */
export const findLogFiles = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory)
    .filter((name) => name.endsWith(".client.jsonl"))
    .sort()
    .map((name) => join(directory, name))

/** Judges the logs of one run. Throws only what the file system throws. */
export const checkLogFiles = (paths: ReadonlyArray<string>): Verdict => {
  const checker = new Checker()
  for (const path of paths) readLogFile(path, checker)
  return checker.verdict()
}

/** Gives every line of a file to the checker. */
export const readLogFile = (path: string, checker: Checker): void => {
  const file = openSync(path, "r")
  try {
    const block = Buffer.allocUnsafe(blockBytes)
    let carried: Buffer = Buffer.alloc(0)
    for (;;) {
      const count = readSync(file, block, 0, blockBytes, null)
      if (count === 0) break
      const bytes = Buffer.concat([carried, block.subarray(0, count)])
      const end = bytes.lastIndexOf(newline)
      if (end < 0) carried = shorten(bytes)
      else {
        for (const line of bytes.toString("utf8", 0, end).split("\n")) checker.line(line, path)
        carried = Buffer.from(bytes.subarray(end + 1))
      }
    }
    if (carried.length > 0) checker.tornLine()
  } finally {
    closeSync(file)
  }
}

/** A line beyond the limit is refused later anyway: keep just enough of it to see that. */
const shorten = (bytes: Buffer): Buffer =>
  bytes.length > 2 * lineLengthMax ? Buffer.from(bytes.subarray(0, 2 * lineLengthMax)) : bytes
