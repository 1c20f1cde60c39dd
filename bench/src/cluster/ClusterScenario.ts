/** What a cluster scenario is: something that is done to a fabric under load, and what it cost. */
import type { TimeMark, TimePoint } from "../measure/Timeline.js"
import type { ClusterSetting, ClusterSettings } from "./ClusterSettings.js"

export const clusterScenarioNames = [
  "move",
  "failover",
  "rolling",
  "scale",
  "hot-queue",
  "zipf",
] as const
export type ClusterScenarioName = (typeof clusterScenarioNames)[number]

/** One row of the table: figures by name, the unit last (`pauseP99Ms`). */
export interface CaseResult {
  readonly name: string
  readonly facts: Readonly<Record<string, number>>
}

export interface ClusterTake {
  readonly cases: readonly CaseResult[]
  readonly points: readonly TimePoint[]
  readonly marks: readonly TimeMark[]
  /** Sentences: errors at the author, moves that were refused. */
  readonly notes: readonly string[]
}

export type OnClusterStep = (what: string, done: number) => void

export interface ClusterScenario {
  readonly name: ClusterScenarioName
  readonly summary: string
  readonly reads: readonly ClusterSetting[]
  /** For the progress line. */
  secondsPlanned(settings: ClusterSettings): number
  take(settings: ClusterSettings, onStep: OnClusterStep): Promise<ClusterTake>
}
