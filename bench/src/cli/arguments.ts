/**
 * `npm run bench -- SCENARIO [flags]`: text to settings. Pure; knows the flags, not what they do.
 * An unknown or unfitting flag is refused with the nearest known one, never ignored.
 */
import { parseArgs } from "node:util"
import { clusterScenarioNames } from "../cluster/ClusterScenario.js"
import { peerNames, type SystemName, systemNames } from "../System.js"
import { scenarios } from "../scenarios/registry.js"
import { type ScenarioName, scenarioNames } from "../scenarios/Scenario.js"
import { fallbacks, type NumberSetting, numberFlags, type Settings } from "../scenarios/Settings.js"
import { didYouMean } from "./nearest.js"
import { UsageError } from "./UsageError.js"

export interface Command {
  readonly scenario: ScenarioName
  readonly settings: Settings
  readonly systems: readonly SystemName[]
  /** Named by the caller: worth a message when absent. */
  readonly json?: string
  readonly chart?: string
}

const common: readonly NumberSetting[] = ["seconds", "windows", "rounds", "warmup"]
const textFlags = ["peers", "systems", "json", "chart", "dir"] as const
const switches = ["await", "help"] as const
const allNames: readonly string[] = [...scenarioNames, ...clusterScenarioNames]
const numberNames = Object.keys(numberFlags) as NumberSetting[]
const allFlags: readonly string[] = [...numberNames, ...textFlags, ...switches]

/** "help" when the caller asked for it. */
export const parseCommand = (args: readonly string[], tempDir: string): Command | "help" => {
  const options = Object.fromEntries([
    ...[...numberNames, ...textFlags].map((name) => [name, { type: "string" as const }]),
    ...switches.map((name) => [name, { type: "boolean" as const }]),
  ])
  const parsed = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  for (const token of parsed.tokens) {
    if (token.kind === "option") checkToken(token.name, token.rawName, token.value)
  }
  const values = parsed.values as Record<string, string | boolean | undefined>
  if (values.help) return "help"
  const scenario = scenarioOf(parsed.positionals)
  checkRead(scenario, Object.keys(values))
  const text = (name: (typeof textFlags)[number]): string | undefined =>
    values[name] as string | undefined
  const numbers = Object.fromEntries(
    numberNames.map((name) => [name, numberOf(scenario, name, values[name] as string | undefined)]),
  ) as Record<NumberSetting, number>
  const json = text("json")
  const chart = text("chart")
  return {
    scenario,
    settings: { ...numbers, await: values.await === true, dir: text("dir") ?? tempDir },
    systems: systemsOf(text("systems"), text("peers")),
    ...(json === undefined ? {} : { json }),
    ...(chart === undefined ? {} : { chart }),
  }
}

const checkToken = (name: string, rawName: string, value: string | undefined): void => {
  if (!allFlags.includes(name)) {
    throw new UsageError(`unknown flag ${rawName}.${didYouMean(name, allFlags, "--")}`)
  }
  const isSwitch = switches.some((one) => one === name)
  if (isSwitch && value !== undefined) throw new UsageError(`--${name} takes no value`)
  if (!isSwitch && (value === undefined || value === "")) {
    throw new UsageError(`--${name} needs a value`)
  }
}

const scenarioOf = (positionals: readonly string[]): ScenarioName => {
  const [word, ...rest] = positionals
  if (word === undefined) {
    throw new UsageError(`name a scenario: ${allNames.join(", ")} (--help tells more)`)
  }
  const found = scenarioNames.find((name) => name === word)
  if (!found) {
    if (clusterScenarioNames.some((name) => name === word)) {
      throw new UsageError(`name the scenario first: ${word} [flags]`)
    }
    throw new UsageError(`unknown scenario "${word}".${didYouMean(word, allNames)}`)
  }
  if (rest.length > 0) throw new UsageError(`unexpected "${rest[0]}" after ${word}`)
  return found
}

/** A flag that the scenario would ignore is a mistake. */
const checkRead = (scenario: ScenarioName, given: readonly string[]): void => {
  const read: readonly string[] = [...scenarios[scenario].reads, ...common, ...textFlags]
  const unread = given.find((name) => !read.includes(name))
  if (unread === undefined) return
  const flags = scenarios[scenario].reads.map((name) => `--${name}`).join(" ")
  throw new UsageError(`${scenario} does not use --${unread}; it uses ${flags || "no such flag"}`)
}

const numberOf = (
  scenario: ScenarioName,
  name: NumberSetting,
  text: string | undefined,
): number => {
  const { fallback, min, max, whole } = numberFlags[name]
  if (text === undefined) return fallbacks[scenario]?.[name] ?? fallback
  const value = Number(text)
  if (
    text.trim() === "" ||
    !(value >= min && value <= max) ||
    (whole && !Number.isInteger(value))
  ) {
    const kind = whole ? "a whole number" : "a number"
    throw new UsageError(`--${name} is ${kind} from ${min} to ${max}, not "${text}"`)
  }
  return value
}

/** Skein and the bare loop always take part, unless `--systems` says exactly who does. */
const systemsOf = (
  systems: string | undefined,
  peers: string | undefined,
): readonly SystemName[] => {
  if (systems !== undefined && peers !== undefined) {
    throw new UsageError("give --systems or --peers, not both")
  }
  if (systems !== undefined) return namesOf("systems", systems, systemNames)
  const chosen = peers === undefined ? [] : namesOf("peers", peers, peerNames)
  return ["skein", "bare-loop", ...chosen]
}

const namesOf = <N extends string>(
  flag: string,
  text: string,
  known: readonly N[],
): readonly N[] => {
  if (text === "all") return known
  const names = text.split(",").map((word) => {
    const found = known.find((name) => name === word.trim())
    if (found) return found
    throw new UsageError(
      `--${flag}: no "${word}".${didYouMean(word, known)} Known: ${known.join(", ")}, all`,
    )
  })
  return [...new Set(names)]
}
