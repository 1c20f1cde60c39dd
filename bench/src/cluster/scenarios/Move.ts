/**
 * Shards move from node to node while they are published to. The pause of a move is the longest
 * time between two confirms of that shard's probe, of those that touch the time from the move's
 * begin to a quarter of a second after its end. One moved shard holds `--messages` that wait.
 */
import { longestGapMs } from "../../measure/gaps.js"
import { Latency } from "../../measure/Latency.js"
import { monotonicMs } from "../../measure/monotonicMs.js"
import { percentileOf } from "../../measure/Timeline.js"
import { authorCase } from "../authorCase.js"
import { ClusterRun } from "../ClusterRun.js"
import type { CaseResult, ClusterScenario, OnClusterStep } from "../ClusterScenario.js"
import { Footprint } from "../Footprint.js"
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
const marginMs = 250
/** A percentile needs fewer probes than a gap; all of them are load. */
const stayingRateMax = 200
/** Memory is compared from then on: the first moves warm the heaps up. */
const warmMoves = 0.1
/** What is kept of the probes' answers: a move may take as long as this. */
const keptMs = 120_000
const noteMax = 10

interface Move {
  readonly shard: number
  readonly beginMs: number
  readonly endMs: number
}

interface Pause {
  readonly shard: number
  readonly tookMs: number
  readonly confirmMs: number
  readonly endToEndMs: number
}

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
  await run.hold(settings.quiet)
  stay.phase = "moving"
  const mover = new Mover(run, moved)
  let footprint = await Footprint.of(fabric)
  for (let count = 0; count < settings.moves; count++) {
    if (count === Math.floor(warmMoves * settings.moves)) footprint = await Footprint.of(fabric)
    onStep(`move ${count + 1} of ${settings.moves}`, 0.15 + (0.75 * count) / settings.moves)
    await mover.moveOne(moved[count % moved.length]!)
  }
  await run.take()
  stay.phase = "quiet"
  onStep("quiet", 0.9)
  await run.hold(settings.quiet)
  mover.judge(monotonicMs())
  const grown = await footprint.grown()
  onStep("draining", 0.95)
  const audits = await run.finish()
  return {
    cases: casesOf(mover, moved, stay, audits, grown),
    points: run.timeline.points,
    marks: run.timeline.marks,
    notes: [...mover.refusals.slice(0, noteMax), ...run.notes],
  }
}

/** Moves one shard after the other and measures the pauses of those that are over. */
class Mover {
  readonly pauses: Pause[] = []
  readonly refusals: string[] = []
  /** How often a shard had more than one owner token, looked at after each move. */
  doubledOwners = 0
  private pending: Move[] = []

  constructor(
    private readonly run: ClusterRun,
    private readonly shards: readonly number[],
  ) {}

  async moveOne(shard: number): Promise<void> {
    const { fabric, settings } = this.run
    const { nodes } = await fabric.whole()
    const from = nodes.findIndex(({ shards }) => shards.includes(shard))
    const to = nodes[(from + 1) % nodes.length]!.node
    const beginMs = this.run.mark(`${shardName(shard)} to ${to}`)
    try {
      await fabric.admin.moveShard(shard, to, { timeoutMs: 90_000 })
      this.pending.push({ shard, beginMs, endMs: monotonicMs() })
    } catch (error) {
      this.refusals.push(`${shardName(shard)} to ${to}: ${(error as Error).message}`)
    }
    if (this.shards.some((each) => fabric.ownerTokens(each) > 1)) this.doubledOwners++
    const leftMs = beginMs + settings.every * 1000 - monotonicMs()
    if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs))
    await this.run.take()
    this.judge(monotonicMs() - 4 * marginMs)
  }

  /** Measures all moves that ended before. */
  judge(beforeMs: number): void {
    const isOver = ({ endMs }: Move): boolean => endMs < beforeMs
    for (const { shard, beginMs, endMs } of this.pending.filter(isOver)) {
      const { confirms, arrivals } = this.run.history.get(probeName(shard))!
      this.pauses.push({
        shard,
        tookMs: endMs - beginMs,
        confirmMs: longestGapMs(confirms.columns().doneMs, beginMs, endMs + marginMs),
        endToEndMs: longestGapMs(arrivals.columns().doneMs, beginMs, endMs + marginMs),
      })
    }
    this.pending = this.pending.filter((each) => !isOver(each))
    this.run.trim(Math.min(beforeMs - keptMs, ...this.pending.map(({ beginMs }) => beginMs)))
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
