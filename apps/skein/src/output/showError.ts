/**
 * Owns: how errors reach the operator, and with which exit code: one line and what to do next, or
 * one line of JSON. Never a stack of an expected error.
 */
import { isSkeinError } from "@skein/model"
import { UsageError } from "../arguments/UsageError.js"
import { exitCodeOf, exitCodes } from "../exitCodes.js"
import { fileLimitError } from "./fileLimit.js"
import { safeText } from "./safeText.js"
import type { Terminal } from "./Terminal.js"

export interface ShownError {
  readonly code: string
  readonly detail: string
  readonly next: string
  readonly retryable: boolean
  readonly exitCode: number
  readonly data?: Readonly<Record<string, number | string>>
}

/** A fault of ours keeps its message; its stack goes to the log with SKEIN_DEBUG only. */
export const shownError = (cause: unknown): ShownError => {
  if (isSkeinError(cause)) {
    const { code, detail, next, retryable, data } = cause
    return { code, detail, next, retryable, exitCode: exitCodeOf(cause), data }
  }
  if (cause instanceof UsageError) {
    const { detail, next } = cause
    return { code: "SKEIN_USAGE", detail, next, retryable: false, exitCode: exitCodes.usage }
  }
  const limit = fileLimitError(cause)
  if (limit !== undefined) return limit
  return {
    code: "SKEIN_INTERNAL",
    detail: cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause),
    next: "A fault of Skein: please report it with the command that you gave.",
    retryable: false,
    exitCode: exitCodes.failed,
  }
}

/** Writes it to standard error; answers the exit code. */
export const showError = (
  terminal: Pick<Terminal, "err" | "paintErr">,
  error: ShownError,
  asJson: boolean,
): number => {
  if (asJson) terminal.err(`${JSON.stringify({ error })}\n`)
  else {
    terminal.err(`${terminal.paintErr("red", `${error.code}:`)} ${safeText(error.detail)}\n`)
    terminal.err(`${terminal.paintErr("dim", "next:")} ${safeText(error.next)}\n`)
  }
  return error.exitCode
}
