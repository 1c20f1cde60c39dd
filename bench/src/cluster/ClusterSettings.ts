/** All settings of a cluster scenario: one flat record, so that a report can show each of them. */
import type { ClusterScenarioName } from "./ClusterScenario.js"

export interface ClusterSettings {
  readonly nodes: number
  readonly shards: number
  /** Bytes of a body. */
  readonly size: number
  /** Messages per call of the load. */
  readonly batch: number
  readonly queues: number
  /** Messages per second of the load; 0: as the scenario finds out. */
  readonly rate: number
  /** Shards that are probed. */
  readonly probes: number
  readonly probeRate: number
  /** Messages that wait in one of the probed shards. */
  readonly messages: number
  readonly moves: number
  /** Seconds from the begin of one move to that of the next. */
  readonly every: number
  /** Faults of each kind. */
  readonly kills: number
  /** Of the phase that is measured. */
  readonly seconds: number
  /** Of the phase before, with nothing done. */
  readonly quiet: number
  readonly exponent: number
  /** Share of the load that goes to the hot queue. */
  readonly hot: number
  readonly rounds: number
  readonly seed: number
  readonly dir: string
}

export type ClusterSetting = Exclude<keyof ClusterSettings, "dir">

export interface ClusterFlag {
  /** As it is typed, without the dashes. */
  readonly flag: string
  readonly help: string
  readonly fallback: number
  readonly min: number
  readonly max: number
  /** `duration` is typed as `2s` or `500ms` and kept in seconds. */
  readonly kind: "duration" | "number" | "whole"
}

const flagOf =
  (kind: ClusterFlag["kind"]) =>
  (flag: string, help: string, fallback: number, min: number, max: number): ClusterFlag => ({
    flag,
    help,
    fallback,
    min,
    max,
    kind,
  })
const whole = flagOf("whole")
const duration = flagOf("duration")
const number = flagOf("number")

export const clusterFlags: Readonly<Record<ClusterSetting, ClusterFlag>> = {
  nodes: whole("nodes", "node processes", 3, 1, 16),
  shards: whole("shards", "shards of the fabric", 12, 2, 1024),
  size: whole("size", "bytes of a body", 256, 16, 1_048_576),
  batch: whole("batch", "messages per call of the load", 10, 1, 1000),
  queues: whole("queues", "queues of the load", 6, 1, 10_000),
  rate: whole("rate", "messages per second of the load", 5000, 0, 1_000_000),
  probes: whole("probes", "shards that are probed and moved", 3, 1, 256),
  probeRate: whole("probe-rate", "probes per second and probed shard", 1000, 1, 10_000),
  messages: whole("messages", "messages waiting in one probed shard", 1_000_000, 0, 100_000_000),
  moves: whole("moves", "moves", 30, 1, 100_000),
  every: duration("every", "from the begin of a move to the next", 2, 0.05, 600),
  kills: whole("kills", "faults of each kind", 1, 1, 1000),
  seconds: duration("seconds", "measured phase", 30, 0.5, 3600),
  quiet: duration("quiet", "phase before, with nothing done", 10, 0.5, 3600),
  exponent: number("exponent", "of Zipf's law", 1, 0, 5),
  hot: number("hot", "share of the load in the hot queue", 0.8, 0.01, 0.99),
  rounds: whole("rounds", "times that each number of nodes is run, in turns", 2, 1, 100),
  seed: whole("seed", "seed of what is drawn", 1, 1, 1_000_000_000),
}

/** What differs from the fallback of the flag. */
export const clusterFallbacks: Readonly<
  Record<ClusterScenarioName, Partial<Record<ClusterSetting, number>>>
> = {
  move: {},
  failover: { probeRate: 200, probes: 12 },
  rolling: { probeRate: 200, probes: 6, messages: 0 },
  scale: { nodes: 8, shards: 16, queues: 16, rate: 0, seconds: 10 },
  "hot-queue": { probes: 12, probeRate: 100, shards: 24, rate: 20_000, batch: 1 },
  zipf: { shards: 64, queues: 200, rate: 20_000, batch: 1, seconds: 90 },
}
