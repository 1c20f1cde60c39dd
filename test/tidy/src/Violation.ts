/** Owns: what a rule answers, and how it is shown. */
import type { Repository } from "./Repository.js"

export interface Violation {
  readonly path: string
  /** 1-based; absent where the whole file or folder is meant. */
  readonly line?: number
  /** What is wrong and what to do instead. */
  readonly message: string
}

/** A house rule: a pure function of the repository. */
export interface Rule {
  /** The promise that holds when there are no violations; the name of its test. */
  readonly promise: string
  readonly check: (repository: Repository) => ReadonlyArray<Violation>
}

/** All violations as lines, in order of path and line. */
export function showAll(violations: ReadonlyArray<Violation>): ReadonlyArray<string> {
  return [...violations]
    .sort((a, b) => compare(a.path, b.path) || (a.line ?? 0) - (b.line ?? 0))
    .map(show)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** `path:line: message`, which editors and terminals turn into a link. */
function show({ path, line, message }: Violation): string {
  return `${path}${line === undefined ? "" : `:${line}`}: ${message}`
}
