/**
 * One queue begins to take `--hot` of the load. Shards of the other nodes should not feel it, and
 * those that were its neighbours should be moved away. Probes of shards on the hot queue's node
 * are its former neighbours; p99 is of their confirms, in windows of `windowMs`.
 */
import { monotonicMs } from "../../measure/monotonicMs.js"
import { firstAtOrAfter } from "../../measure/Samples.js"
import { percentileOf } from "../../measure/Timeline.js"
import { authorCase } from "../authorCase.js"
import { ClusterRun } from "../ClusterRun.js"
import type { CaseResult, ClusterScenario, OnClusterStep } from "../ClusterScenario.js"
import { DecisionFeed } from "../DecisionFeed.js"
import { catalogShard, openProbes, probeName, shardName, shardsInTurns } from "../streams.js"

const warmupSeconds = 5
const windowMs = 5_000
/** From then on former neighbours should be as quiet as before. */
const neighboursMs = 10_000
const hotName = "hot"
const restName = "rest"

export const hotQueue: ClusterScenario = {
  name: "hot-queue",
  summary: "one queue takes --hot of the load: p99 of other nodes' shards, and of its neighbours",
  reads: [
    ...(["nodes", "shards", "size", "batch", "queues", "rate", "probes", "probeRate"] as const),
    ...(["hot", "seconds", "quiet", "seed"] as const),
  ],
  secondsPlanned: ({ seconds, quiet }) => 10 + warmupSeconds + quiet + seconds,
  take: async (settings, onStep) => {
    onStep("starting", 0)
    const run = await ClusterRun.start(settings)
    try {
      return await takeHot(run, onStep)
    } finally {
      await run.close()
    }
  },
}

const takeHot = async (run: ClusterRun, onStep: OnClusterStep) => {
  const { settings, fabric } = run
  const status = await fabric.whole()
  const probed = shardsInTurns(status, settings.probes, [catalogShard])
  await openProbes(run, probed)
  const hot = await openStreams(run, probed)
  await run.start([restName])
  await run.hold(warmupSeconds)
  onStep("quiet", 0.1)
  const quietMs = run.mark("quiet begins")
  await run.hold(settings.quiet)
  const before = await fabric.admin.cluster()
  const owner = before.nodes.find(({ shards }) => shards.includes(hot))!
  const neighbours = probed.filter((shard) => owner.shards.includes(shard))
  const others = probed.filter((shard) => !neighbours.includes(shard))
  const feed = await DecisionFeed.follow(fabric.admin)
  onStep("hot", 0.4)
  const hotMs = run.mark(`${shardName(hot)} on ${owner.node} gets hot`)
  await run.agents.load.call("start", [hotName])
  for (let left = settings.seconds; left > 0; left--) {
    await run.hold(Math.min(1, left))
    await feed.poll()
  }
  const endMs = monotonicMs()
  const moves = feed.movesAfter(hotMs)
  for (const { seenMs, what } of moves) run.timeline.mark(seenMs, what)
  const spans = { quietMs, hotMs, endMs }
  const cases = [
    caseOf(run, "shards of the other nodes", others, spans, hotMs),
    caseOf(run, "its former neighbours", neighbours, spans, hotMs + neighboursMs),
  ]
  const all = authorCase(await run.finish())
  return {
    cases: [...cases, { name: all.name, facts: { ...all.facts, moves: moves.length } }],
    points: run.timeline.points,
    marks: run.timeline.marks,
    notes: [...moves.map(({ what, reason }) => `${what}: ${reason}`), ...run.notes],
  }
}

/** The load of before, and the hot queue in one of the probed shards; answers which. */
const openStreams = async (run: ClusterRun, probed: readonly number[]): Promise<number> => {
  const { fabric, settings } = run
  const { rate, hot, queues: count, size, batch, seed } = settings
  const shard = probed[0]!
  const queues: string[] = []
  for (let at = 0; at < count; at++) queues.push((await fabric.declare("rest")).name)
  const hotQueueName = await fabric.declareIn("hot", [shard])
  const same = { batch, size, seed }
  await run.open("load", [
    {
      ...{ name: restName, queues, shares: queues.map(() => 1 / count), ...same },
      ratePerSecond: rate * (1 - hot),
    },
    { name: hotName, queues: [hotQueueName], shares: [1], ratePerSecond: rate * hot, ...same },
  ])
  return shard
}

interface Spans {
  readonly quietMs: number
  readonly hotMs: number
  readonly endMs: number
}

const caseOf = (
  run: ClusterRun,
  name: string,
  shards: readonly number[],
  { quietMs, hotMs, endMs }: Spans,
  fromMs: number,
): CaseResult => {
  const p99 = (beginMs: number, untilMs: number): number =>
    percentileOf(
      shards.flatMap((shard) => latenciesOf(run, shard, beginMs, untilMs)),
      0.99,
    ) ?? Number.NaN
  const worst = (beginMs: number, untilMs: number): number => {
    const windows: number[] = []
    for (let at = beginMs; at + windowMs <= untilMs; at += windowMs) {
      windows.push(p99(at, at + windowMs))
    }
    return Math.max(...windows)
  }
  const [quietP99Ms, hotP99Ms] = [p99(quietMs, hotMs), p99(fromMs, endMs)]
  const [quietWorstMs, hotWorstMs] = [worst(quietMs, hotMs), worst(fromMs, endMs)]
  return {
    name,
    facts: {
      shards: shards.length,
      quietP99Ms,
      hotP99Ms,
      p99Times: hotP99Ms / quietP99Ms,
      quietWorstMs,
      hotWorstMs,
      worstTimes: hotWorstMs / quietWorstMs,
    },
  }
}

const latenciesOf = (run: ClusterRun, shard: number, beginMs: number, untilMs: number) => {
  const { doneMs, latencyMs } = run.history.get(probeName(shard))!.confirms.columns()
  return [...latencyMs.subarray(firstAtOrAfter(doneMs, beginMs), firstAtOrAfter(doneMs, untilMs))]
}
