/** The shape of a result, as `--json` writes it. Pure. */
import type { Percentiles } from "../measure/Latency.js"
import type { Measured } from "../Race.js"
import type { SystemName, Version } from "../System.js"
import type { Facts, ScenarioName } from "../scenarios/Scenario.js"
import type { Settings } from "../scenarios/Settings.js"
import { yearsSince } from "../systems/releases.js"
import { headlineRatio, headlines } from "./headline.js"

export interface Result {
  readonly system: SystemName
  readonly version: string
  readonly durability: string
  /** Messages per second. */
  readonly publishRate: number | null
  readonly consumeRate: number | null
  readonly publishLatencyMs: Percentiles | null
  readonly endToEndLatencyMs: Percentiles | null
  readonly publishDelayMs: Percentiles | null
  /** Of the broker, over all windows. */
  readonly cpuSeconds: number | null
  /** Peak of the broker. */
  readonly rssMaxMiB: number | null
  /** Only where the scenario has figures of its own (recovery, churn, idle, queues, backlog). */
  readonly facts?: Facts
}

export interface Report {
  readonly scenario: ScenarioName
  readonly settings: Settings
  readonly results: readonly Result[]
  /** The first system against each other one, by `"skein / bare-loop"`; above 1 it is better. */
  readonly ratios: Readonly<Record<string, number>>
}

/** `7.0.15, line of 2022-04 (4.6 years old)`. */
export const versionText = ({ version, released }: Version, now: Date): string =>
  released === undefined
    ? version
    : `${version}, line of ${released} (${yearsSince(released, now)} years old)`

export const resultOf = (measured: Measured, version: string): Result => {
  const facts = roundFacts(measured.facts)
  return {
    system: measured.system.name,
    version,
    durability: measured.system.durability,
    publishRate: round(measured.publishRate),
    consumeRate: round(measured.consumeRate),
    publishLatencyMs: measured.publish.percentiles(),
    endToEndLatencyMs: measured.endToEnd.percentiles(),
    publishDelayMs: measured.delay.percentiles(),
    cpuSeconds: measured.cpuSeconds === null ? null : to(2, measured.cpuSeconds),
    rssMaxMiB: measured.rssMaxMiB === null ? null : to(1, measured.rssMaxMiB),
    ...(Object.keys(facts).length > 0 ? { facts } : {}),
  }
}

export const ratiosOf = (
  scenario: ScenarioName,
  results: readonly Result[],
): Readonly<Record<string, number>> => {
  const [first, ...others] = results
  const ratios: Record<string, number> = {}
  for (const other of others) {
    const value = headlineRatio(headlines[scenario], first!, other)
    if (value !== null) ratios[`${first!.system} / ${other.system}`] = to(3, value)
  }
  return ratios
}

const round = (rate: number | null): number | null => (rate === null ? null : Math.round(rate))

/** A figure that could not be measured is left out, not written as a number. */
const roundFacts = (facts: Facts): Facts =>
  Object.fromEntries(
    Object.entries(facts)
      .filter(([, value]) => Number.isFinite(value))
      .map(([name, value]) => [name, to(2, value)]),
  )

const to = (digits: number, value: number): number => Number(value.toFixed(digits))
