/** Owns: the token of a connection: from the file that is named, else from the environment. */
import { readFileSync, statSync } from "node:fs"
import { UsageError } from "../arguments/UsageError.js"
import type { Settings } from "./settings.js"

const tokenBytesMax = 1024

export interface Token {
  readonly token: string | undefined
  /** Something the operator should know, such as a file that others can read. */
  readonly warning?: string
}

/** SKEIN_TOKEN, unless a token file is named. Throws UsageError that never holds the token. */
export const readToken = ({ tokenFile, token }: Settings): Token => {
  if (tokenFile === undefined) return { token }
  const { text, mode } = readFile(tokenFile)
  const trimmed = text.replace(/\r?\n$/, "")
  if (trimmed === "") throw problem(tokenFile, "it is empty")
  if (/[^\x21-\x7e]/.test(trimmed)) {
    throw problem(tokenFile, "a token is one line of printable ASCII without spaces")
  }
  if ((mode & 0o077) === 0) return { token: trimmed }
  const shown = (mode & 0o777).toString(8).padStart(3, "0")
  const warning = `token file ${tokenFile} can be used by others (mode ${shown}): chmod 600 it`
  return { token: trimmed, warning }
}

const problem = (path: string, what: string): UsageError =>
  new UsageError(`token file ${path}: ${what}.`, "Name a file that holds the token, and nothing else.")

const readFile = (path: string): { readonly text: string; readonly mode: number } => {
  try {
    const stat = statSync(path)
    if (!stat.isFile()) throw problem(path, "it is not a regular file")
    if (stat.size > tokenBytesMax) throw problem(path, `it is larger than ${tokenBytesMax} bytes`)
    return { text: readFileSync(path, "utf8"), mode: stat.mode }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "?"
    throw problem(path, code === "ENOENT" ? "it does not exist" : `it cannot be read (${code})`)
  }
}
