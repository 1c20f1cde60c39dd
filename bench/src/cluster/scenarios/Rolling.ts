/**
 * Each node in turn is drained, ended and started again, under load. The pause of a shard is the
 * longest time between two confirms of its probe while one node is away: from the drain until all
 * nodes serve again. Moves are counted, because a rolling restart should not shuffle all twice.
 */
import { longestGapMs } from "../../measure/gaps.js"
import { monotonicMs } from "../../measure/monotonicMs.js"
import { percentileOf } from "../../measure/Timeline.js"
import { authorCase } from "../authorCase.js"
import { ClusterRun } from "../ClusterRun.js"
import type { CaseResult, ClusterScenario, OnClusterStep } from "../ClusterScenario.js"
import { DecisionFeed } from "../DecisionFeed.js"
import { isWhole } from "../Fabric.js"
import {
  catalogShard,
  fillShard,
  openLoad,
  openProbes,
  probeName,
  shardsInTurns,
} from "../streams.js"

const warmupSeconds = 3
const settleSeconds = 3
const stepMsMax = 120_000

export const rolling: ClusterScenario = {
  name: "rolling",
  summary: "each node is drained, ended and started again under load; pauses and moves",
  reads: [
    ...(["nodes", "shards", "size", "batch", "queues", "rate", "probes", "probeRate"] as const),
    ...(["messages", "seed"] as const),
  ],
  secondsPlanned: ({ nodes, messages }) => 10 + messages / 50_000 + nodes * 20,
  take: async (settings, onStep) => {
    onStep("starting", 0)
    const run = await ClusterRun.start(settings)
    try {
      return await takeRestarts(run, onStep)
    } finally {
      await run.close()
    }
  },
}

const takeRestarts = async (run: ClusterRun, onStep: OnClusterStep) => {
  const { settings, fabric } = run
  const status = await fabric.whole()
  const probed = shardsInTurns(status, settings.probes, [])
  await fillShard(run, probed.find((shard) => shard !== catalogShard)!)
  await openProbes(run, probed)
  await openLoad(run, [])
  await run.start()
  await run.hold(warmupSeconds)
  const feed = await DecisionFeed.follow(fabric.admin)
  const cases: CaseResult[] = []
  for (const [index, { node }] of status.nodes.entries()) {
    onStep(`restarting ${node}`, 0.1 + (0.85 * index) / status.nodes.length)
    cases.push(await restart(run, node, probed, feed))
  }
  const audits = await run.finish()
  const moves = feed.movesAfter(0).length
  const all = authorCase(audits)
  const facts = { ...all.facts, moves, movesPerShard: moves / settings.shards }
  return {
    cases: [...cases, { name: all.name, facts }],
    points: run.timeline.points,
    marks: run.timeline.marks,
    notes: run.notes,
  }
}

const restart = async (
  run: ClusterRun,
  name: string,
  probed: readonly number[],
  feed: DecisionFeed,
): Promise<CaseResult> => {
  const { fabric, settings } = run
  const beginMs = run.mark(`drain ${name}`)
  await fabric.admin.drainNode(name)
  await fabric.until(
    `${name} has no shards`,
    ({ nodes }) => nodes.some(({ node, shards }) => node === name && shards.length === 0),
    stepMsMax,
  )
  const { pid, instance } = await fabric.node(name)
  const endMs = run.mark(`SIGTERM ${name}`)
  fabric.signal(pid, "SIGTERM")
  await fabric.until(
    `${name} is back`,
    ({ nodes }) =>
      nodes.some((each) => each.node === name && each.instance !== instance && each.pid !== pid),
    stepMsMax,
  )
  run.mark(`revive ${name}`)
  await fabric.admin.reviveNode(name)
  await fabric.until("all nodes serve", isWhole(settings.nodes), stepMsMax)
  const doneMs = monotonicMs()
  await run.hold(settleSeconds)
  await feed.poll()
  const pauses = probed.map((shard) => {
    const { confirms } = run.history.get(probeName(shard))!
    return longestGapMs(confirms.columns().doneMs, beginMs, doneMs)
  })
  run.trim(doneMs)
  return {
    name,
    facts: {
      moves: feed.movesAfter(beginMs).length,
      pauseP50Ms: percentileOf(pauses, 0.5) ?? Number.NaN,
      pauseMaxMs: percentileOf(pauses, 1) ?? Number.NaN,
      drainMs: endMs - beginMs,
      backMs: doneMs - endMs,
    },
  }
}
