/** Owns: the token of a connection: from the file that is named, or from the environment. */
import { readFileSync, statSync } from "node:fs"
import { UsageError } from "../arguments/UsageError.js"
import type { ResolvedSetting } from "./resolveSettings.js"

const tokenBytesMax = 1024

export interface Token {
  readonly token: string | undefined
  /** Something the operator should know, such as a file that others can read. */
  readonly warning?: string
}

/**
 * By the usual precedence: --token-file, then SKEIN_TOKEN, then a token file that a variable or the
 * config file names. Throws UsageError that never holds the token.
 */
export const readToken = (resolved: readonly ResolvedSetting[]): Token => {
  const token = resolved.find(({ key }) => key === "token")?.value
  const file = resolved.find(({ key }) => key === "tokenFile")
  const byFlag = file?.source.startsWith("flag") === true
  if (token !== undefined && !byFlag) return { token: checked(String(token), "SKEIN_TOKEN") }
  if (file?.value === undefined) return { token: undefined }
  return fromFile(String(file.value))
}

const fromFile = (path: string): Token => {
  const { text, mode } = readFile(path)
  const token = checked(text.replace(/\r?\n$/, ""), `token file ${path}`)
  if ((mode & 0o077) === 0) return { token }
  const shown = (mode & 0o777).toString(8).padStart(3, "0")
  const warning = `token file ${path} can be used by others (mode ${shown}): chmod 600 it`
  return { token, warning }
}

const checked = (token: string, where: string): string => {
  if (token === "") throw problem(where, "it is empty")
  if (!/[^\x21-\x7e]/.test(token)) return token
  throw problem(where, "a token is one line of printable ASCII without spaces")
}

const problem = (where: string, what: string): UsageError =>
  new UsageError(`${where}: ${what}.`, "A token file holds the token, and nothing else.")

const readFile = (path: string): { readonly text: string; readonly mode: number } => {
  const where = `token file ${path}`
  try {
    const stat = statSync(path)
    if (!stat.isFile()) throw problem(where, "it is not a regular file")
    if (stat.size > tokenBytesMax) throw problem(where, `it is larger than ${tokenBytesMax} bytes`)
    return { text: readFileSync(path, "utf8"), mode: stat.mode }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "?"
    throw problem(where, code === "ENOENT" ? "it does not exist" : `it cannot be read (${code})`)
  }
}
