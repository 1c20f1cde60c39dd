/**
 * Shards move from node to node while they are published to, one of them with `--messages` that
 * wait; the shards that stay are listened to as well, before, meanwhile and after.
 */
import { longestGapMs } from "../../measure/gaps.js"
import { Latency } from "../../measure/Latency.js"
import { monotonicMs } from "../../measure/monotonicMs.js"
import { percentileOf } from "../../measure/Timeline.js"
import { authorCase } from "../authorCase.js"
import { ClusterRun } from "../ClusterRun.js"
import type { CaseResult, ClusterScenario, OnClusterStep } from "../ClusterScenario.js"
import { Footprint } from "../Footprint.js"
import { Mover, type Pause } from "../Mover.js"
import type { StreamAudit } from "../StreamSpec.js"
import {
  catalogShard,
  fillShard,
  openLoad,
  openProbes,
  probeName,
  shardName,
  shardsInTurns,
} from "../streams.js"

const warmupSeconds = 3
const windowMs = 1000
/** A percentile needs fewer probes than a gap; all of them are load. */
const stayingRateMax = 200
/** Memory is compared from then on: the first moves warm the heaps up. */
const warmMoves = 0.1
const noteMax = 10
/** A move is refused while the manager moves that shard itself: another one takes its place. */
const triesMax = (moves: number): number => 2 * moves + noteMax

export const move: ClusterScenario = {
  name: "move",
  summary: "moves of busy shards, one of them with --messages waiting; pauses by probes",
  reads: [
    ...(["nodes", "shards", "size", "batch", "queues", "rate", "probes", "probeRate"] as const),
    ...(["messages", "moves", "every", "quiet", "seed"] as const),
  ],
  secondsPlanned: ({ moves, every, quiet, messages }) =>
    10 + messages / 50_000 + 2 * quiet + moves * every,
  take: async (settings, onStep) => {
    onStep("starting", 0)
    const run = await ClusterRun.start(settings)
    try {
      return await takeMoves(run, onStep)
    } finally {
      await run.close()
    }
  },
}

const takeMoves = async (run: ClusterRun, onStep: OnClusterStep) => {
  const { settings, fabric } = run
  const status = await fabric.whole()
  const moved = shardsInTurns(status, settings.probes, [catalogShard])
  const staying = shardsInTurns(status, settings.nodes, [catalogShard, ...moved])
  onStep("filling", 0.05)
  await fillShard(run, moved[0]!)
  await openProbes(run, moved)
  await openProbes(run, staying, Math.min(settings.probeRate, stayingRateMax))
  await openLoad(run, moved)
  const stay = new Bystanders(staying.map(probeName))
  run.onTaken = (samples) => stay.taken(samples.name, samples.confirms.latencyMs)
  await run.start()
  await run.hold(warmupSeconds)
  onStep("quiet", 0.1)
  stay.phase = "quiet"
  const quietMs = monotonicMs()
  await run.hold(settings.quiet)
  const quiet = quietCase(run, moved, quietMs)
  stay.phase = "moving"
  const mover = new Mover(run, moved)
  let footprint = await Footprint.of(fabric)
  const warm = Math.floor(warmMoves * settings.moves)
  for (let tries = 0; mover.done < settings.moves && tries < triesMax(settings.moves); tries++) {
    if (mover.done <= warm) footprint = await Footprint.of(fabric)
    const step = `move ${mover.done + 1} of ${settings.moves}`
    onStep(step, 0.15 + (0.75 * mover.done) / settings.moves)
    await mover.moveOne(moved[tries % moved.length]!)
  }
  await run.take()
  stay.phase = "quiet"
  onStep("quiet", 0.9)
  await run.hold(settings.quiet)
  mover.judge(true)
  const grown = await footprint.grown()
  onStep("draining", 0.95)
  const audits = await run.finish()
  return {
    cases: [...casesOf(mover, moved, stay, audits, grown), quiet],
    points: run.timeline.points,
    marks: run.timeline.marks,
    notes: [...mover.refusals.slice(0, noteMax), ...run.notes],
  }
}

/** Latencies of shards that nobody moves. */
class Bystanders {
  phase: "moving" | "quiet" | "warmup" = "warmup"
  readonly latencies = { moving: new Latency(), quiet: new Latency(), warmup: new Latency() }

  constructor(private readonly names: readonly string[]) {}

  taken(name: string, latencyMs: Float32Array): void {
    if (!this.names.includes(name)) return
    for (const each of latencyMs) this.latencies[this.phase].record(each)
  }
}

const casesOf = (
  { pauses, refusals, doubledOwners }: Mover,
  moved: readonly number[],
  stay: Bystanders,
  audits: readonly StreamAudit[],
  grown: Readonly<Record<string, number>>,
): readonly CaseResult[] => {
  const [full] = moved
  const quiet = stay.latencies.quiet.percentiles()?.p99 ?? Number.NaN
  const moving = stay.latencies.moving.percentiles()?.p99 ?? Number.NaN
  const all = authorCase(audits)
  return [
    pausesOf(
      `${shardName(full!)}, the full one`,
      pauses.filter(({ shard }) => shard === full),
    ),
    pausesOf(
      "the other moved shards",
      pauses.filter(({ shard }) => shard !== full),
    ),
    pausesOf("all moves", pauses),
    {
      name: "shards that stay",
      facts: { quietP99Ms: quiet, movingP99Ms: moving, p99Times: moving / quiet },
    },
    {
      name: all.name,
      facts: { ...all.facts, refused: refusals.length, doubledOwners, ...grown },
    },
  ]
}

/** What looks like a pause when nothing is moved: the machine's own, in windows of a second. */
const quietCase = (run: ClusterRun, moved: readonly number[], fromMs: number): CaseResult => {
  const gaps: number[] = []
  for (const shard of moved) {
    const { doneMs } = run.history.get(probeName(shard))!.confirms.columns()
    for (let at = fromMs; at + windowMs <= monotonicMs(); at += windowMs) {
      gaps.push(longestGapMs(doneMs, at, at + windowMs))
    }
  }
  const of = (share: number): number => percentileOf(gaps, share) ?? Number.NaN
  return {
    name: "moved shards before, by the second",
    facts: { windows: gaps.length, gapP50Ms: of(0.5), gapP99Ms: of(0.99), gapMaxMs: of(1) },
  }
}

const pausesOf = (name: string, pauses: readonly Pause[]): CaseResult => {
  const of = (value: (pause: Pause) => number, share: number): number =>
    percentileOf(pauses.map(value), share) ?? Number.NaN
  return {
    name,
    facts: {
      moves: pauses.length,
      pauseP50Ms: of(({ confirmMs }) => confirmMs, 0.5),
      pauseP99Ms: of(({ confirmMs }) => confirmMs, 0.99),
      pauseMaxMs: of(({ confirmMs }) => confirmMs, 1),
      deliveryP50Ms: of(({ endToEndMs }) => endToEndMs, 0.5),
      deliveryP99Ms: of(({ endToEndMs }) => endToEndMs, 0.99),
      tookP50Ms: of(({ tookMs }) => tookMs, 0.5),
      tookMaxMs: of(({ tookMs }) => tookMs, 1),
    },
  }
}
