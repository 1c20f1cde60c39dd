/** All settings of a run: one flat record, so that a report can show every one of them. */
import { bodyBytesMin } from "../load/body.js"
import type { ScenarioName } from "./Scenario.js"

export interface Settings {
  readonly size: number
  readonly batch: number
  readonly queues: number
  readonly producers: number
  readonly consumers: number
  /** Length of one window. */
  readonly seconds: number
  /** Windows per system over all rounds (recovery: kills). */
  readonly windows: number
  /** Times that each system is started, in turns A B A B; its windows are spread over them. */
  readonly rounds: number
  readonly warmup: number
  readonly window: number
  readonly await: boolean
  readonly lag: number
  readonly rate: number
  readonly messages: number
  readonly dir: string
}

export type NumberSetting = Exclude<keyof Settings, "await" | "dir">

export interface Flag {
  readonly help: string
  readonly fallback: number
  readonly min: number
  readonly max: number
  readonly whole: boolean
}

/** Fewer windows than this make no result, only a check that the command works. */
export const windowsMin = 5

const whole = (help: string, fallback: number, min: number, max: number): Flag => ({
  help,
  fallback,
  min,
  max,
  whole: true,
})

/** A fallback may differ by scenario: see `fallbacks`. */
export const numberFlags: Readonly<Record<NumberSetting, Flag>> = {
  size: whole("bytes of a body", 256, bodyBytesMin, 1_048_576),
  batch: whole("messages per publish call", 100, 1, 10_000),
  queues: whole("queues", 1, 1, 100_000),
  producers: whole("publishing callers", 1, 1, 10_000),
  consumers: whole("consumers (at least one per queue)", 1, 1, 10_000),
  seconds: { help: "seconds of one window", fallback: 5, min: 0.1, max: 3600, whole: false },
  windows: whole("windows per system; the report is their median", windowsMin, 1, 1000),
  rounds: whole("times each system is started, in turns; 0 = as fits", 0, 0, 1000),
  warmup: { help: "seconds before the first window", fallback: 3, min: 0, max: 600, whole: false },
  window: whole("unconfirmed messages of all producers", 5000, 1, 1_000_000),
  lag: whole("messages published but not consumed", 20_000, 1, 1_000_000_000),
  rate: whole("messages per second (open loop)", 2000, 1, 1_000_000),
  messages: whole("messages of the backlog", 1_000_000, 1, 1_000_000_000),
}

export const fallbacks: Readonly<Partial<Record<ScenarioName, Partial<Settings>>>> = {
  latency: { batch: 1 },
  backlog: { size: 100 },
  recovery: { size: 100, warmup: 1 },
  churn: { producers: 8, rate: 1000 },
  idle: { warmup: 5, seconds: 10 },
  queues: { queues: 10_000 },
}
