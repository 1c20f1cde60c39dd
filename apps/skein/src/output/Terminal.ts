/**
 * Owns: the command's three standard streams: what is a terminal, whether colour is wanted, writing
 * with back-pressure, the quiet end when the reader of standard output is gone, and questions.
 */
import { createInterface } from "node:readline"

/**
 * The reader of standard output went away (EPIPE): there is nobody to tell, so the end is quiet.
 */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed"
}

export type Style = "bold" | "dim" | "green" | "red" | "yellow"

export interface Terminal {
  readonly outIsTty: boolean
  readonly errIsTty: boolean
  readonly inIsTty: boolean
  /** Of standard error, for one-line progress. */
  readonly columns: number
  /** Resolves when written: whoever awaits it is held back by a slow reader. */
  readonly out: (text: string | Uint8Array) => Promise<void>
  readonly err: (text: string) => void
  readonly paintOut: (style: Style, text: string) => string
  readonly paintErr: (style: Style, text: string) => string
  /** One line from the operator; empty when there was none. */
  readonly ask: (question: string, signal: AbortSignal) => Promise<string>
}

export const systemTerminal = (env: Readonly<Record<string, string | undefined>>): Terminal => {
  const { stdout, stderr, stdin } = process
  let closed = false
  stdout.on("error", () => {
    closed = true
  })
  // Nobody reads our messages: no reason to fail.
  stderr.on("error", () => {})
  const colours = (isTty: boolean): boolean => isTty && wantsColour(env)
  return {
    outIsTty: stdout.isTTY === true,
    errIsTty: stderr.isTTY === true,
    inIsTty: stdin.isTTY === true,
    // A terminal that does not know its width says 0.
    columns: stderr.columns || 80,
    out: (text) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new OutputClosed())
        stdout.write(text, (error) => (error ? reject(new OutputClosed()) : resolve()))
      }),
    err: (text) => {
      stderr.write(text)
    },
    paintOut: (style, text) => paint(colours(stdout.isTTY === true), style, text),
    paintErr: (style, text) => paint(colours(stderr.isTTY === true), style, text),
    ask: (question, signal) => ask(stdin, stderr, question, signal),
  }
}

/** Ctrl-C and Ctrl-D at the question answer nothing: the operator did not say yes. */
const ask = (
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  question: string,
  signal: AbortSignal,
): Promise<string> =>
  new Promise((resolve) => {
    const lines = createInterface({ input, output })
    const end = (answer: string): void => {
      signal.removeEventListener("abort", none)
      resolve(answer)
      lines.close()
    }
    const none = (): void => {
      output.write("\n")
      end("")
    }
    signal.addEventListener("abort", none, { once: true })
    lines.once("SIGINT", none)
    lines.once("close", () => resolve(""))
    lines.question(question, end)
  })

const wantsColour = (env: Readonly<Record<string, string | undefined>>): boolean =>
  (env.NO_COLOR === undefined || env.NO_COLOR === "") && env.TERM !== "dumb"

const codes: Readonly<Record<Style, string>> = {
  bold: "\x1b[1m",
  dim: "\x1b[2m",
  green: "\x1b[32m",
  red: "\x1b[31m",
  yellow: "\x1b[33m",
}

const paint = (isOn: boolean, style: Style, text: string): string =>
  isOn ? `${codes[style]}${text}\x1b[0m` : text
