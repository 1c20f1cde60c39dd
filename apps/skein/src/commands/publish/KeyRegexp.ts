/**
 * Owns: keys of messages by the operator's own regular expression, which runs in this process and
 * under a guard: an expression that backtracks without end is stopped, and no node ever sees it.
 * How the guard works: a match in V8 looks for a termination request whenever it backtracks, so the
 * timeout of node:vm ends it too.
 */
import { createContext, Script } from "node:vm"
import { UsageError } from "../../arguments/UsageError.js"

/** For one batch of at most some thousand texts; an honest expression needs milliseconds. */
const withinMs = 1_000

const next = "Write an expression that does not backtrack so much, or anchor it with ^."

// `at` stays where the time ran out, so that the message can name the text.
const script = new Script(`
  for (at = 0; at < texts.length; at++) {
    const match = texts[at] === undefined ? null : expression.exec(texts[at])
    keys.push(match === null ? undefined : match[1] === undefined ? match[0] : match[1])
  }
`)

export class KeyRegexp {
  readonly #expression: RegExp

  /** Throws UsageError when it is no regular expression of JavaScript. */
  constructor(readonly source: string) {
    try {
      this.#expression = new RegExp(source)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : ""
      throw new UsageError(`--key-regexp is no regular expression: ${why}.`)
    }
  }

  /**
   * The first group of each match, or all of it without a group; `undefined` where nothing matches.
   * Throws UsageError when the time is up; `firstNumber` counts the texts for its message.
   */
  keysOf(
    texts: readonly (string | undefined)[],
    firstNumber: number,
  ): readonly (string | undefined)[] {
    const keys: (string | undefined)[] = []
    const context = createContext({ expression: this.#expression, texts, keys, at: 0 })
    try {
      script.runInContext(context, { timeout: withinMs })
    } catch (cause) {
      if (!isTimeout(cause)) throw cause
      const number = firstNumber + Number(context.at)
      throw new UsageError(
        `--key-regexp ran longer than ${withinMs} ms at message ${number}: it was stopped.`,
        next,
      )
    }
    return keys
  }
}

// The error may belong to the other context, whose Error is another one.
const isTimeout = (cause: unknown): boolean =>
  typeof cause === "object" &&
  cause !== null &&
  "code" in cause &&
  cause.code === "ERR_SCRIPT_EXECUTION_TIMEOUT"
