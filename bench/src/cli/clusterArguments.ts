/**
 * `npm run bench -- move …`: text to settings of a cluster scenario. Pure. An unknown or unfitting
 * flag is refused with the nearest known one, never ignored.
 */
import { parseArgs } from "node:util"
import { type ClusterScenarioName, clusterScenarioNames } from "../cluster/ClusterScenario.js"
import {
  type ClusterSetting,
  type ClusterSettings,
  clusterFallbacks,
  clusterFlags,
} from "../cluster/ClusterSettings.js"
import { clusterScenarios } from "../cluster/registry.js"
import { didYouMean } from "./nearest.js"
import { UsageError } from "./UsageError.js"

export interface ClusterCommand {
  readonly scenario: ClusterScenarioName
  readonly settings: ClusterSettings
  readonly json?: string
  readonly chart?: string
}

const settingNames = Object.keys(clusterFlags) as ClusterSetting[]
const textFlags = ["json", "chart", "dir"] as const

/** Whether these are the arguments of a cluster scenario, which is named first. */
export const isClusterLine = (args: readonly string[]): boolean =>
  clusterScenarioNames.some((name) => name === args[0])

/** "help" when the caller asked for it. */
export const parseClusterCommand = (
  args: readonly string[],
  tempDir: string,
): ClusterCommand | "help" => {
  const scenario = clusterScenarioNames.find((name) => name === args[0])!
  const known = ["help", ...textFlags, ...flagsOf(scenario)]
  const { values, tokens, positionals } = parseArgs({
    args: args.slice(1),
    options: Object.fromEntries(
      known.map((name) => [name, { type: name === "help" ? "boolean" : "string" }] as const),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  for (const token of tokens) {
    if (token.kind !== "option") continue
    if (!known.includes(token.name)) {
      const near = didYouMean(token.name, known, "--")
      throw new UsageError(`${scenario} has no flag ${token.rawName}.${near}`)
    }
    if (token.name !== "help" && !token.value) {
      throw new UsageError(`--${token.name} needs a value`)
    }
  }
  if (positionals.length > 0) throw new UsageError(`unexpected "${positionals[0]}"`)
  if (values.help === true) return "help"
  const text = (name: string): string | undefined => values[name] as string | undefined
  const numbers = Object.fromEntries(
    settingNames.map((name) => [name, settingOf(scenario, name, text(clusterFlags[name].flag))]),
  ) as Record<ClusterSetting, number>
  const [json, chart] = [text("json"), text("chart")]
  return {
    scenario,
    settings: { ...numbers, dir: text("dir") ?? tempDir },
    ...(json === undefined ? {} : { json }),
    ...(chart === undefined ? {} : { chart }),
  }
}

export const flagsOf = (scenario: ClusterScenarioName): readonly string[] =>
  clusterScenarios[scenario].reads.map((name) => clusterFlags[name].flag)

const settingOf = (
  scenario: ClusterScenarioName,
  name: ClusterSetting,
  text: string | undefined,
): number => {
  const { flag, fallback, min, max, kind } = clusterFlags[name]
  if (text === undefined) return clusterFallbacks[scenario][name] ?? fallback
  const value = kind === "duration" ? secondsOf(text) : numberOf(text)
  if (value >= min && value <= max && (kind !== "whole" || Number.isInteger(value))) return value
  const [what, unit] =
    kind === "duration"
      ? ["a duration such as 2s or 500ms,", "s"]
      : [kind === "whole" ? "a whole number" : "a number", ""]
  throw new UsageError(`--${flag} is ${what} from ${min}${unit} to ${max}${unit}, not "${text}"`)
}

const numberOf = (text: string): number => (text.trim() === "" ? Number.NaN : Number(text))

const unitSeconds: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, "": 1 }

/** `2s`, `500ms`, `1m`, or a number of seconds as in the other scenarios; NaN for all else. */
const secondsOf = (text: string): number => {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|)$/.exec(text) ?? []
  return amount === undefined ? Number.NaN : Number(amount) * unitSeconds[unit!]!
}
