/**
 * Owns: which value of a setting counts, and where it comes from: flag > environment > config file
 * > default.
 */
import type { Invocation } from "../arguments/Invocation.js"
import { UsageError } from "../arguments/UsageError.js"
import { nearest } from "../grammar/nearest.js"
import { parseValue, showDuration, type Value } from "../grammar/ValueKind.js"
import { type ConfigFile, readConfigFile } from "./readConfigFile.js"
import { type SettingKey, type Settings, settingKeys, settingTable } from "./settings.js"

export interface ResolvedSetting {
  readonly key: SettingKey
  readonly value: Value | undefined
  /** `flag --port`, `environment SKEIN_PORT`, `file skein.json`, `default`, `not set`. */
  readonly source: string
}

export type Environment = Readonly<Record<string, string | undefined>>

/** Every setting with its source. Throws UsageError. */
export const resolveSettings = (
  invocation: Invocation,
  env: Environment,
): readonly ResolvedSetting[] => {
  const file = readConfigFile(invocation.text("config") ?? fromEnv(env, "SKEIN_CONFIG"))
  return settingKeys.map((key) => resolve(key, invocation, env, file))
}

/** The settings as commands use them. */
export const settingsOf = (resolved: readonly ResolvedSetting[]): Settings =>
  Object.fromEntries(
    resolved.filter(({ value }) => value !== undefined).map(({ key, value }) => [key, value]),
  ) as unknown as Settings

/** As the value would be written; secrets are masked. */
export const showSetting = ({ key, value }: ResolvedSetting): string => {
  if (value === undefined) return ""
  const { value: kind, secret } = settingTable[key]
  if (secret === true) return "********"
  return kind.kind === "duration" ? showDuration(Number(value)) : String(value)
}

/** Variables that look like settings and are none, with what may have been meant. */
export const strayVariables = (env: Environment): readonly string[] => {
  const known = [...settingKeys.map((key) => settingTable[key].env), "SKEIN_CONFIG"]
  return Object.keys(env)
    .filter((name) => name.startsWith("SKEIN_") && !known.includes(name))
    .flatMap((name) => {
      const meant = nearest(name, known)
      return meant === undefined ? [] : [`${name} is no setting. Did you mean ${meant}?`]
    })
}

const resolve = (
  key: SettingKey,
  invocation: Invocation,
  env: Environment,
  file: ConfigFile | undefined,
): ResolvedSetting => {
  const { flag, env: variable, value: kind, default: preset } = settingTable[key]
  const byFlag = flag === undefined ? undefined : invocation.options.get(flag)?.[0]
  if (byFlag !== undefined) return { key, value: byFlag, source: `flag --${flag}` }
  const text = fromEnv(env, variable)
  if (text !== undefined) {
    return { key, value: checked(key, text, variable), source: `environment ${variable}` }
  }
  const byFile = file?.values.get(key)
  if (file !== undefined && byFile !== undefined) {
    return { key, value: byFile, source: `file ${file.path}` }
  }
  if (preset === undefined) return { key, value: undefined, source: "not set" }
  const parsed = parseValue(kind, preset)
  return { key, value: "value" in parsed ? parsed.value : undefined, source: "default" }
}

const checked = (key: SettingKey, text: string, variable: string): Value => {
  const { value: kind, secret } = settingTable[key]
  const parsed = parseValue(kind, text)
  if ("value" in parsed) return parsed.value
  // The problem of a secret would repeat it.
  const problem = secret === true ? "is empty or too long" : parsed.problem
  throw new UsageError(`the variable ${variable} ${problem}.`, "Correct the variable, or unset it.")
}

const fromEnv = (env: Environment, name: string): string | undefined => {
  const text = env[name]
  if (text !== "") return text
  throw new UsageError(`the variable ${name} is empty.`, "Give it a value, or unset it.")
}
