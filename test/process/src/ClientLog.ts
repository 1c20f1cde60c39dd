/**
 * Writes the log of one client process for the checker. Lines gather until `flush`, which hands
 * them to the kernel before it returns: a killed process loses what it had not flushed, and at
 * most tears the last line.
 *
 * The caller keeps the format's rule: flush the `invoke` lines before the operation is sent.
 */
import { closeSync, openSync, writeSync } from "node:fs"
import { join } from "node:path"
import { formatRecord, type LogRecord, logFileName } from "@skein/test-checker"

/** What the caller gives: the log adds the process and the time. */
export type LogEntry = LogRecord extends infer R
  ? R extends LogRecord
    ? Omit<R, "process" | "timeNs">
    : never
  : never

export class ClientLog {
  readonly #file: number
  #pending: Array<string> = []

  /** `epochNs` is the run's common zero, from `process.hrtime.bigint()` of any process. */
  constructor(
    directory: string,
    readonly process: string,
    readonly epochNs: bigint,
  ) {
    this.#file = openSync(join(directory, logFileName(process)), "ax")
  }

  nowNs(): number {
    return Number(process.hrtime.bigint() - this.epochNs)
  }

  /** Adds lines with one time for all of them; returns it. */
  add(entries: ReadonlyArray<LogEntry>): number {
    const timeNs = this.nowNs()
    for (const entry of entries) {
      this.#pending.push(formatRecord({ process: this.process, timeNs, ...entry }))
    }
    return timeNs
  }

  flush(): void {
    const bytes = Buffer.from(this.#pending.join(""))
    this.#pending = []
    for (let from = 0; from < bytes.length; ) from += writeSync(this.#file, bytes, from)
  }

  close(): void {
    this.flush()
    closeSync(this.#file)
  }
}
