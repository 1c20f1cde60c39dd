/**
 * A load that is spread over queues by Zipf's law, on a fabric that does not know it yet: how soon
 * and how evenly the shard manager spreads it, and whether it then leaves it alone. The spread is
 * busiest to idlest node by the manager's own measure of load (what `skein cluster plan` shows);
 * beside it that by messages, as the nodes count them.
 */

import { zipfShares } from "../../load/Zipf.js"
import { monotonicMs } from "../../measure/monotonicMs.js"
import { settledAtMs, spreadOf, sumsBy } from "../../measure/spread.js"
import { percentileOf } from "../../measure/Timeline.js"
import { authorCase } from "../authorCase.js"
import { ClusterRun } from "../ClusterRun.js"
import type { CaseResult, ClusterScenario, OnClusterStep } from "../ClusterScenario.js"
import { DecisionFeed } from "../DecisionFeed.js"
import type { Fabric } from "../Fabric.js"
import { loadName } from "../streams.js"

const sampleSeconds = 1
/** Asked: within so long. */
const settleMs = 30_000
export const spreadMax = 1.25
/** A prediction is compared with what is there so much later. */
const reachedAfterMs = 10_000
const pairsMax = 12

interface SpreadSample {
  readonly atMs: number
  readonly load: number
  readonly messages: number
  /** After the moves of the plan, if there are any. */
  readonly predicted: number | null
}

export const zipf: ClusterScenario = {
  name: "zipf",
  summary: "--queues by Zipf's law: time to an even spread, moves after it, predicted and reached",
  reads: [
    ...(["nodes", "shards", "size", "batch", "queues", "rate", "exponent", "seconds"] as const),
    "seed",
  ],
  secondsPlanned: ({ seconds, queues }) => 10 + queues / 100 + seconds,
  take: async (settings, onStep) => {
    onStep("starting", 0)
    const run = await ClusterRun.start(settings)
    try {
      return await takeZipf(run, onStep)
    } finally {
      await run.close()
    }
  },
}

const takeZipf = async (run: ClusterRun, onStep: OnClusterStep) => {
  const { settings, fabric } = run
  const { queues: count, exponent, rate, batch, size, seed } = settings
  const queues: string[] = []
  for (let at = 0; at < count; at++) queues.push((await fabric.declare("zipf")).name)
  const shares = zipfShares(count, exponent)
  await run.open("load", [
    { name: loadName, queues, shares, ratePerSecond: rate, batch, size, seed },
  ])
  const feed = await DecisionFeed.follow(fabric.admin)
  await run.start()
  const startMs = run.mark("load begins")
  const samples: SpreadSample[] = []
  while (monotonicMs() - startMs < settings.seconds * 1000) {
    const done = (monotonicMs() - startMs) / (settings.seconds * 1000)
    await run.hold(sampleSeconds)
    await feed.poll()
    const sample = await sampleOf(fabric).catch(() => undefined)
    if (sample === undefined) continue
    samples.push(sample)
    onStep(`busiest / idlest ${sample.load.toFixed(2)}`, 0.1 + 0.8 * done)
  }
  const moves = feed.movesAfter(startMs)
  for (const { seenMs, what } of moves) run.timeline.mark(seenMs, what)
  const audits = await run.finish()
  const pairs = pairsOf(samples)
  return {
    cases: [
      spreadCase(samples, startMs),
      movesCase(feed, startMs, settings.seconds),
      pairsCase(pairs),
      authorCase(audits),
    ],
    points: run.timeline.points,
    marks: run.timeline.marks,
    notes: [...pairs.slice(-pairsMax).map((pair) => pairText(pair, startMs)), ...run.notes],
  }
}

const sampleOf = async ({ admin }: Fabric): Promise<SpreadSample> => {
  const [plan, loads, status] = await Promise.all([
    admin.planMoves(),
    admin.shardLoads(),
    admin.cluster(),
  ])
  const byNode = sumsBy(
    loads.loads,
    status.nodes.map(({ node }) => node),
    ({ node }) => node,
    ({ messagesPerSecond }) => messagesPerSecond,
  )
  return {
    atMs: monotonicMs(),
    load: plan.spread.before,
    messages: spreadOf([...byNode.values()]),
    predicted: plan.moves.length === 0 ? null : plan.spread.after,
  }
}

interface Pair {
  readonly atMs: number
  readonly before: number
  readonly predicted: number
  readonly reached: number
}

/** Each plan with moves beside the spread some seconds later. Exported for its test. */
export const pairsOf = (samples: readonly SpreadSample[]): readonly Pair[] =>
  samples.flatMap(({ atMs, load, predicted }) => {
    const later = samples.find((sample) => sample.atMs >= atMs + reachedAfterMs)
    if (predicted === null || later === undefined) return []
    return [{ atMs, before: load, predicted, reached: later.load }]
  })

const pairText = ({ atMs, before, predicted, reached }: Pair, startMs: number): string =>
  `plan at ${((atMs - startMs) / 1000).toFixed(0)} s: ${before.toFixed(2)}, ` +
  `predicted ${predicted.toFixed(2)}, reached ${reached.toFixed(2)} ` +
  `${reachedAfterMs / 1000} s later`

const spreadCase = (samples: readonly SpreadSample[], startMs: number): CaseResult => {
  const after = samples.filter(({ atMs }) => atMs >= startMs + settleMs)
  const values = samples.map(({ atMs, load }) => ({ atMs, value: load }))
  const at = (share: number, of: (sample: SpreadSample) => number): number =>
    percentileOf(after.map(of), share) ?? Number.NaN
  const settled = settledAtMs(values, spreadMax)
  return {
    name: `spread after ${settleMs / 1000} s`,
    facts: {
      spreadP50: at(0.5, ({ load }) => load),
      spreadMax: at(1, ({ load }) => load),
      messagesSpreadP50: at(0.5, ({ messages }) => messages),
      messagesSpreadMax: at(1, ({ messages }) => messages),
      firstEvenS: secondsTo(values.find(({ value }) => value <= spreadMax)?.atMs, startMs),
      evenToStayS: secondsTo(settled ?? undefined, startMs),
    },
  }
}

const secondsTo = (atMs: number | undefined, startMs: number): number =>
  atMs === undefined ? Number.NaN : (atMs - startMs) / 1000

const movesCase = (feed: DecisionFeed, startMs: number, seconds: number): CaseResult => {
  const all = feed.movesAfter(startMs).length
  const after = feed.movesAfter(startMs + settleMs).length
  const minutes = (seconds * 1000 - settleMs) / 60_000
  return {
    name: "moves",
    facts: {
      movesFirst: all - after,
      movesAfter: after,
      movesPerMinuteAfter: minutes > 0 ? after / minutes : Number.NaN,
    },
  }
}

const pairsCase = (pairs: readonly Pair[]): CaseResult => {
  const middle = (of: (pair: Pair) => number): number =>
    percentileOf(pairs.map(of), 0.5) ?? Number.NaN
  return {
    name: "plans",
    facts: {
      plans: pairs.length,
      predictedP50: middle(({ predicted }) => predicted),
      reachedP50: middle(({ reached }) => reached),
    },
  }
}
