/**
 * Owns: what is said when the process may not have enough files open. It can be too few to load the
 * program itself (Node reads modules side by side, about 200 at a time), so this loads nothing.
 */

/** What a limit must be for a node with some hundred connections. */
export const filesWanted = 1_024

export interface FileLimitError {
  readonly code: string
  readonly detail: string
  readonly next: string
  readonly retryable: boolean
  readonly exitCode: number
}

/** The error as it is shown, or `undefined` when `cause` is another one. */
export const fileLimitError = (
  cause: unknown,
  limit: () => number | undefined = openFilesLimit,
): FileLimitError | undefined => {
  const errno = errnoOf(cause)
  if (errno === "ENFILE") {
    const detail = "the machine has as many files open as it may (ENFILE)"
    return { ...common, detail, next: "Close programs, or raise the limit of the machine." }
  }
  if (errno !== "EMFILE") return undefined
  const files = limit()
  const many = files === undefined ? "too few files" : `only ${files} files`
  return {
    ...common,
    detail: `this process may have ${many} open at a time (the limit \`ulimit -n\`)`,
    next: `Raise the limit to ${filesWanted} or more, as in \`ulimit -n ${filesWanted}\`.`,
  }
}

/** What is written when the command could not even be loaded. */
export const loadFailure = (cause: unknown, asJson: boolean): string => {
  const error = fileLimitError(cause)
  if (error === undefined) return `skein: ${String(cause)}\n`
  if (asJson) return `${JSON.stringify({ error })}\n`
  return `${error.code}: ${error.detail}\nnext: ${error.next}\n`
}

const common = { code: "SKEIN_LIMIT_EXCEEDED", retryable: false, exitCode: 1 } as const

const errnoOf = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined

/** Node raises the soft limit to the hard one when it starts. */
const openFilesLimit = (): number | undefined => {
  const report: unknown = process.report?.getReport()
  const soft = at(at(at(report, "userLimits"), "open_files"), "soft")
  return typeof soft === "number" ? soft : undefined
}

const at = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined
