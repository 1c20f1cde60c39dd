/** What a scenario is: a way to load one running system, once. Knows no statistics. */
import type { Lap } from "../load/Meter.js"
import type { Demand, System } from "../System.js"
import type { NumberSetting, Settings } from "./Settings.js"

export const scenarioNames = [
  "throughput",
  "latency",
  "backlog",
  "recovery",
  "churn",
  "idle",
  "queues",
] as const
export type ScenarioName = (typeof scenarioNames)[number]

/** Figures that only this scenario has, by name with the unit last (`listMs`). */
export type Facts = Readonly<Record<string, number>>

/** One start of one system: some windows. */
export interface Take {
  readonly laps: readonly Lap[]
  readonly rssMaxMiB: number | null
  readonly facts: Facts
}

/** Says what is being done now and how much of the take is behind. */
export type OnStep = (what: string, done: number) => void

export interface Scenario {
  readonly name: ScenarioName
  readonly summary: string
  /** The settings it reads, besides windows, seconds, warmup, rounds and dir. */
  readonly reads: readonly (NumberSetting | "await")[]
  /** A dear scenario is started once per system unless `--rounds` says otherwise. */
  readonly dear: boolean
  demand(settings: Settings): Demand
  /** Planned seconds of one take of `windows` windows, for the progress line. */
  secondsPlanned(settings: Settings, windows: number): number
  take(system: System, settings: Settings, windows: number, onStep: OnStep): Promise<Take>
}

export const plainDemand = (settings: Settings): Demand => ({
  queues: settings.queues,
  consumers: Math.max(settings.consumers, settings.queues),
  backlog: false,
  restart: false,
})
