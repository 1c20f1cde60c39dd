/** Progress for a person: one line that changes on a terminal, a line per step elsewhere. */
import type { WriteStream } from "node:tty"

export interface Progress {
  /** The latest step replaces the one before, on a terminal. */
  readonly step: (text: string) => void
  /** Stays to be read. */
  readonly keep: (text: string) => void
  readonly end: () => void
}

type Output = Pick<WriteStream, "write"> & Partial<Pick<WriteStream, "columns" | "isTTY">>

export const progressTo = (output: Output): Progress => {
  if (output.isTTY !== true) {
    const line = (text: string): void => void output.write(`${text}\n`)
    return { step: line, keep: line, end: () => {} }
  }
  const clear = "\r\u001b[K"
  return {
    step: (text) => void output.write(`${clear}${text.slice(0, (output.columns ?? 80) - 1)}`),
    keep: (text) => void output.write(`${clear}${text}\n`),
    end: () => void output.write(clear),
  }
}
