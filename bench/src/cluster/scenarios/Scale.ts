/**
 * What more nodes cost: the same load on 1, 2, 4 … nodes, half of what one node can do unless
 * `--rate` says how much. The numbers of nodes are run in turns, each on a fresh fabric; CPU is
 * that of all node processes and their supervisor, per million messages consumed.
 */
import { existsSync } from "node:fs"
import { Latency } from "../../measure/Latency.js"
import { median } from "../../measure/median.js"
import { ProcessSampler } from "../../measure/ProcessSampler.js"
import type { TimeMark, TimePoint } from "../../measure/Timeline.js"
import type { System } from "../../System.js"
import { numberFlags, type Settings } from "../../scenarios/Settings.js"
import { throughput } from "../../scenarios/Throughput.js"
import { connectSkein, skeinMain, skeinVersion } from "../../systems/Skein.js"
import { authorCase } from "../authorCase.js"
import { ClusterRun } from "../ClusterRun.js"
import type { CaseResult, ClusterScenario, OnClusterStep } from "../ClusterScenario.js"
import type { ClusterSettings } from "../ClusterSettings.js"
import { Fabric } from "../Fabric.js"
import type { StreamAudit } from "../StreamSpec.js"
import { openLoad } from "../streams.js"

const warmupSeconds = 3
const maximumWindows = 3
const million = 1_000_000

interface Turn {
  readonly nodes: number
  readonly cpuPerMillion: number
  readonly consumedPerSecond: number
  readonly confirm: Latency
  readonly audits: readonly StreamAudit[]
  readonly points: readonly TimePoint[]
  readonly notes: readonly string[]
}

export const scale: ClusterScenario = {
  name: "scale",
  summary: "1, 2, 4 … --nodes at the same load; CPU seconds per million messages",
  reads: ["nodes", "shards", "size", "batch", "queues", "rate", "seconds", "rounds", "seed"],
  secondsPlanned: (settings) =>
    (settings.rate > 0 ? 0 : 30) +
    settings.rounds * stepsOf(settings.nodes).length * (settings.seconds + warmupSeconds + 6),
  take: async (settings, onStep) => {
    onStep("maximum of one node", 0)
    const rate = settings.rate > 0 ? settings.rate : (await maximumRate(settings)) / 2
    const steps = stepsOf(settings.nodes)
    const planned = steps.length * settings.rounds
    const turns: Turn[] = []
    for (let count = 0; count < planned; count++) {
      const nodes = steps[count % steps.length]!
      onStep(`${nodes} nodes`, 0.1 + (0.9 * count) / planned)
      turns.push(await takeTurn({ ...settings, rate }, nodes, onStep))
    }
    const joined = joinedPoints(turns)
    const cases = steps.map((nodes) => caseOf(nodes, turns, rate))
    return {
      cases: [...cases, authorCase(turns.flatMap(({ audits }) => audits))],
      ...joined,
      notes: turns.flatMap(({ notes }) => notes),
    }
  },
}

/** 1, 2, 4 … up to `most`, which is always the last. */
export const stepsOf = (most: number): readonly number[] => {
  const steps: number[] = []
  for (let nodes = 1; nodes < most; nodes *= 2) steps.push(nodes)
  return [...steps, most]
}

/** Consumed per second by one node of a fabric, closed loop: the scenario `throughput`. */
const maximumRate = async (settings: ClusterSettings): Promise<number> => {
  const { size, batch, queues, dir, seconds } = settings
  const defaults = Object.fromEntries(
    Object.entries(numberFlags).map(([name, { fallback }]) => [name, fallback]),
  )
  const asked = { size, batch, queues, consumers: queues, producers: queues, seconds, dir }
  const full = { ...defaults, ...asked, await: false, window: 20_000, lag: 100_000 } as Settings
  const { laps } = await throughput.take(oneNode(settings), full, maximumWindows, () => undefined)
  return median(laps.map(({ consumed, seconds }) => consumed / seconds))
}

/** A fabric of one node as a system of the other scenarios. */
const oneNode = ({ shards }: ClusterSettings): System => ({
  name: "skein",
  durability: "one fdatasync per group commit before the confirm",
  absent: async () => (existsSync(skeinMain) ? undefined : "it is not built: npm run build"),
  unfit: () => undefined,
  version: async () => ({ version: skeinVersion }),
  start: async (dir) => {
    const fabric = await Fabric.start({ dir, nodes: 1, shards })
    return {
      pids: [fabric.pid],
      connect: (onFailure) => connectSkein(fabric.address, onFailure),
      kill: () => fabric.close(),
      stop: () => fabric.close(),
    }
  },
})

const takeTurn = async (
  settings: ClusterSettings,
  nodes: number,
  onStep: OnClusterStep,
): Promise<Turn> => {
  const run = await ClusterRun.start(settings, nodes)
  try {
    await openLoad(run, [])
    await run.start()
    await run.hold(warmupSeconds)
    const sampler = new ProcessSampler([run.fabric.pid])
    const confirm = new Latency()
    let consumed = 0
    run.onTaken = ({ confirms, arrivals }) => {
      for (const each of confirms.latencyMs) confirm.record(each)
      for (const each of arrivals.count) consumed += each
    }
    const cpuBefore = sampler.cpuSeconds() ?? Number.NaN
    await run.hold(settings.seconds)
    const cpu = (sampler.cpuSeconds() ?? Number.NaN) - cpuBefore
    run.onTaken = () => undefined
    onStep(`${nodes} nodes: ${(cpu / (consumed / million)).toFixed(1)} CPU s per million`, 0.5)
    const audits = await run.finish()
    return {
      nodes,
      cpuPerMillion: cpu / (consumed / million),
      consumedPerSecond: consumed / settings.seconds,
      confirm,
      audits,
      points: run.timeline.points,
      notes: run.notes,
    }
  } finally {
    await run.close()
  }
}

const caseOf = (nodes: number, all: readonly Turn[], rate: number): CaseResult => {
  const turns = all.filter((turn) => turn.nodes === nodes)
  const confirm = new Latency()
  for (const turn of turns) confirm.merge(turn.confirm)
  return {
    name: nodes === 1 ? "1 node" : `${nodes} nodes`,
    facts: {
      offeredPerSecond: rate,
      consumedPerSecond: median(turns.map(({ consumedPerSecond }) => consumedPerSecond)),
      cpuSecondsPerMillion: median(turns.map(({ cpuPerMillion }) => cpuPerMillion)),
      confirmP50Ms: confirm.percentiles()?.p50 ?? Number.NaN,
      confirmP99Ms: confirm.percentiles()?.p99 ?? Number.NaN,
    },
  }
}

/** One turn after the other on one axis, a mark where each begins. */
const joinedPoints = (turns: readonly Turn[]) => {
  const points: TimePoint[] = []
  const marks: TimeMark[] = []
  let atSeconds = 0
  for (const { nodes, points: own } of turns) {
    marks.push({ atSeconds, label: `${nodes} nodes` })
    const since = atSeconds
    for (const point of own) {
      points.push({ ...point, atSeconds: since + point.atSeconds })
      atSeconds = Math.max(atSeconds, since + point.atSeconds + 1)
    }
  }
  return { points, marks }
}
