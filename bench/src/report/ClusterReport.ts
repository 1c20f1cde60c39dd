/** The shape of a cluster scenario's result, as `--json` writes it. Pure. */
import type { ClusterScenarioName, ClusterTake } from "../cluster/ClusterScenario.js"
import type { ClusterSettings } from "../cluster/ClusterSettings.js"
import type { TimeMark, TimePoint } from "../measure/Timeline.js"
import type { SystemName } from "../System.js"

export interface ClusterResult {
  readonly system: SystemName
  readonly version: string
  /** What the figures are of: `2 nodes`, `kill -9`, `all messages`. */
  readonly name: string
  readonly facts: Readonly<Record<string, number>>
}

export interface ClusterReport {
  readonly scenario: ClusterScenarioName
  readonly settings: ClusterSettings
  readonly results: readonly ClusterResult[]
  /** Each case's headline against the first one's, where the scenario compares cases. */
  readonly ratios: Readonly<Record<string, number>>
  readonly points: readonly TimePoint[]
  readonly marks: readonly TimeMark[]
  readonly notes: readonly string[]
}

/** The figure that `ratios` compare, by scenario. */
const compared: Readonly<Partial<Record<ClusterScenarioName, string>>> = {
  scale: "cpuSecondsPerMillion",
}

export const clusterReportOf = (
  scenario: ClusterScenarioName,
  settings: ClusterSettings,
  version: string,
  { cases, points, marks, notes }: ClusterTake,
): ClusterReport => {
  const results = cases.map(({ name, facts }) => ({
    ...{ system: "skein" as const, version, name },
    facts: rounded(facts),
  }))
  return { scenario, settings, results, ratios: ratiosOf(scenario, results), points, marks, notes }
}

const ratiosOf = (
  scenario: ClusterScenarioName,
  results: readonly ClusterResult[],
): Readonly<Record<string, number>> => {
  const fact = compared[scenario]
  const [first, ...others] = fact === undefined ? [] : results.filter(({ facts }) => fact in facts)
  return Object.fromEntries(
    others.map(({ name, facts }) => [
      `${name} / ${first!.name}`,
      to3(facts[fact!]! / first!.facts[fact!]!),
    ]),
  )
}

/** A figure that could not be measured is left out, not written as a number. */
const rounded = (facts: Readonly<Record<string, number>>): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(facts)
      .filter(([, value]) => Number.isFinite(value))
      .map(([name, value]) => [name, to3(value)]),
  )

const to3 = (value: number): number => Number(value.toFixed(3))

/** Throws when the report does not have it: a figure that was not measured is a miss. */
export const factOf = (report: ClusterReport, name: string, fact: string): number => {
  const result = report.results.find((each) => each.name === name)
  const value = result?.facts[fact]
  if (value === undefined) throw new Error(`${report.scenario} has no ${fact} of "${name}"`)
  return value
}
