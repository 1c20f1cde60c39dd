/**
 * Runs one scenario over several systems in turns (A B A B …), each turn with a fresh broker, and
 * puts each system's windows together. Taking turns spreads the machine's moods over all of them.
 * A system that fails is left out and named; the others go on.
 */
import type { Lap } from "./load/Meter.js"
import { type Latency, mergeLatencies } from "./measure/Latency.js"
import { median } from "./measure/median.js"
import type { System } from "./System.js"
import type { Facts, Scenario, Take } from "./scenarios/Scenario.js"
import type { Settings } from "./scenarios/Settings.js"

export interface Measured {
  readonly system: System
  /** Messages per second: median of all windows; null when the scenario has no windows. */
  readonly publishRate: number | null
  readonly consumeRate: number | null
  /** All windows merged: a bad window is not averaged away. */
  readonly publish: Latency
  readonly endToEnd: Latency
  readonly delay: Latency
  /** Sum over the windows, of the broker's processes. */
  readonly cpuSeconds: number | null
  readonly rssMaxMiB: number | null
  /** Consumed in the windows. */
  readonly consumed: number
  readonly windows: number
  /** Median over the takes. */
  readonly facts: Facts
}

export interface Failed {
  readonly system: System
  readonly message: string
}

export interface RaceResult {
  readonly measured: readonly Measured[]
  readonly failed: readonly Failed[]
}

/** `done` and `seconds` are of the whole race. */
export type OnRaceStep = (what: string, done: number, secondsPlanned: number) => void

/** How often each system is started when the caller does not say. */
export const roundsFor = (scenario: Scenario, settings: Settings, systems: number): number => {
  const wanted =
    settings.rounds > 0 ? settings.rounds : systems > 1 && !scenario.dear ? Infinity : 1
  return Math.min(wanted, settings.windows)
}

/** Windows of one round, so that all rounds together have at least `settings.windows`. */
export const windowsPerRound = (settings: Settings, rounds: number): number =>
  Math.ceil(settings.windows / rounds)

export const race = async (
  scenario: Scenario,
  systems: readonly System[],
  settings: Settings,
  onStep: OnRaceStep,
): Promise<RaceResult> => {
  const rounds = roundsFor(scenario, settings, systems.length)
  const windows = windowsPerRound(settings, rounds)
  const takes = new Map<System, Take[]>(systems.map((system) => [system, []]))
  const failed: Failed[] = []
  const takeSeconds = scenario.secondsPlanned(settings, windows)
  const secondsPlanned = takeSeconds * rounds * systems.length
  for (let round = 0; round < rounds; round++) {
    for (const [index, system] of systems.entries()) {
      if (failed.some((one) => one.system === system)) continue
      const before = round * systems.length + index
      const step = (what: string, done: number): void => {
        const name = `${system.name} round ${round + 1} of ${rounds}: ${what}`
        onStep(name, (before + done) / (rounds * systems.length), secondsPlanned)
      }
      step("starting", 0)
      try {
        takes.get(system)!.push(await scenario.take(system, settings, windows, step))
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        failed.push({ system, message })
      }
    }
  }
  const fine = systems.filter((system) => !failed.some((one) => one.system === system))
  return { measured: fine.map((system) => summarize(system, takes.get(system)!)), failed }
}

/** Puts the takes of one system together. Exported for its tests. */
export const summarize = (system: System, takes: readonly Take[]): Measured => {
  const laps = takes.flatMap((take) => take.laps)
  const timed = laps.filter((lap) => lap.seconds > 0)
  const names = new Set(takes.flatMap((take) => Object.keys(take.facts)))
  return {
    system,
    publishRate: rateOf(timed, (lap) => lap.published),
    consumeRate: rateOf(timed, (lap) => lap.consumed),
    publish: mergeLatencies(laps.map((lap) => lap.publish)),
    endToEnd: mergeLatencies(laps.map((lap) => lap.endToEnd)),
    delay: mergeLatencies(laps.map((lap) => lap.delay)),
    cpuSeconds: sumOrNull(laps.map((lap) => lap.cpuSeconds)),
    rssMaxMiB: maxOrNull(takes.map((take) => take.rssMaxMiB)),
    consumed: laps.reduce((sum, lap) => sum + lap.consumed, 0),
    windows: laps.length,
    facts: Object.fromEntries(
      [...names].map((name) => [
        name,
        median(takes.flatMap((take) => take.facts[name] ?? []).filter((one) => !Number.isNaN(one))),
      ]),
    ),
  }
}

const rateOf = (laps: readonly Lap[], count: (lap: Lap) => number): number | null =>
  laps.length === 0 ? null : median(laps.map((lap) => count(lap) / lap.seconds))

const sumOrNull = (values: readonly (number | null)[]): number | null =>
  values.some((value) => value === null) || values.length === 0
    ? null
    : values.reduce<number>((sum, value) => sum + value!, 0)

const maxOrNull = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : Math.max(...known)
}
