/**
 * Owns: the config file: one JSON object of settings, small, UTF-8 (a BOM and CRLF are fine). What
 * is wrong names the file and the key.
 */
import { readFileSync, statSync } from "node:fs"
import { UsageError } from "../arguments/UsageError.js"
import { hint } from "../grammar/nearest.js"
import { describeKind, parseValue, quote, type Value } from "../grammar/ValueKind.js"
import { type SettingKey, settingKeys, settingTable } from "./settings.js"

export const configFileDefault = "skein.json"
export const configFileBytesMax = 1024 * 1024

export interface ConfigFile {
  readonly path: string
  readonly values: ReadonlyMap<SettingKey, Value>
}

/**
 * Reads `named`, which must be there, or else skein.json of the working directory, which may be
 * absent (`undefined` then). Throws UsageError.
 */
export const readConfigFile = (named: string | undefined): ConfigFile | undefined => {
  const path = named ?? configFileDefault
  const text = readText(path, named !== undefined)
  return text === undefined ? undefined : { path, values: parseConfig(path, text) }
}

const next = "Correct the file, or name another one with --config."

const refuse = (path: string, problem: string): UsageError =>
  new UsageError(`config file ${path}: ${problem}`, next)

const readText = (path: string, mustExist: boolean): string | undefined => {
  let bytes: Buffer
  try {
    const { size } = statRegular(path)
    if (size > configFileBytesMax) throw refuse(path, `it has ${size} bytes, at most 1 MiB.`)
    bytes = readFileSync(path)
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    const code = errnoOf(cause)
    if (code === "ENOENT" && !mustExist) return undefined
    throw refuse(path, `${whyUnreadable[code] ?? `it cannot be read (${code})`}.`)
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    throw refuse(path, "it is not UTF-8.")
  }
}

const statRegular = (path: string): { readonly size: number } => {
  const stat = statSync(path)
  if (stat.isDirectory()) throw refuse(path, "it is a directory.")
  // A pipe or a device could give bytes for ever.
  if (!stat.isFile()) throw refuse(path, "it is not a regular file.")
  return stat
}

const whyUnreadable: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  EACCES: "it may not be read by this user",
  EPERM: "it may not be read by this user",
  ENOTDIR: "a part of its path is not a directory",
  ELOOP: "its symbolic links lead in a circle",
}

const errnoOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause ? String(cause.code) : "?"

const parseConfig = (path: string, text: string): ReadonlyMap<SettingKey, Value> => {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (cause) {
    throw refuse(path, `it is not JSON: ${cause instanceof Error ? cause.message : ""}`)
  }
  if (typeof data !== "object" || data === null || Array.isArray(data)) {
    throw refuse(path, 'it is not one JSON object such as {"port": 4117}.')
  }
  const values = new Map<SettingKey, Value>()
  for (const [key, value] of Object.entries(data)) {
    // Editors look for their schema here.
    if (key === "$schema") continue
    if (!isSettingKey(key)) {
      throw refuse(path, `unknown key ${quote(key)}.${hint(key, fileKeys)}`)
    }
    values.set(key, readKey(path, key, value))
  }
  return values
}

const fileKeys = settingKeys.filter((key) => settingTable[key].notInFile === undefined)

const isSettingKey = (key: string): key is SettingKey => Object.hasOwn(settingTable, key)

const readKey = (path: string, key: SettingKey, value: unknown): Value => {
  const { value: kind, notInFile } = settingTable[key]
  if (notInFile !== undefined) throw refuse(path, `${quote(key)}: ${notInFile}.`)
  const wanted = kind.kind === "switch" ? "boolean" : kind.kind === "integer" ? "number" : "string"
  if (typeof value !== wanted) {
    const found = value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`
    const takes = `${describeKind(kind)}, as a JSON ${wanted}`
    throw refuse(path, `${quote(key)} is ${found}: it takes ${takes}.`)
  }
  const parsed = parseValue(kind, String(value))
  if ("problem" in parsed) throw refuse(path, `${quote(key)} ${parsed.problem}.`)
  return parsed.value
}
