/**
 * Nodes are killed, or stopped for a while, under load: one that has a shard with `--messages`
 * waiting, and then the manager's. Serving again: from the signal to the first confirm, in each
 * probed shard of that node, of a probe that was due after the signal; the slowest shard counts.
 * Full rate: from the signal to the last confirm of the load that came late, that is later after
 * it was due than twice the p99 before (100 ms at least).
 */
import { answeredAfterMs, caughtUpAfterMs } from "../../measure/gaps.js"
import { median } from "../../measure/median.js"
import { firstAtOrAfter } from "../../measure/Samples.js"
import { percentileOf } from "../../measure/Timeline.js"
import { authorCase } from "../authorCase.js"
import { ClusterRun } from "../ClusterRun.js"
import type { CaseResult, ClusterScenario, OnClusterStep } from "../ClusterScenario.js"
import {
  catalogShard,
  fillShard,
  loadName,
  openLoad,
  openProbes,
  probeName,
  shardName,
  shardsInTurns,
} from "../streams.js"

const warmupSeconds = 3
const quietSeconds = 3
/** A stopped node is continued after so long. */
const stopSeconds = 6
/** What is looked at from the signal on. */
const watchSeconds = 10
const lateMsMin = 100
const moveMsMax = 90_000

const kinds = [
  { name: "kill -9", signal: "SIGKILL", ofManager: false },
  { name: "SIGSTOP", signal: "SIGSTOP", ofManager: false },
  { name: "kill -9 of the manager's", signal: "SIGKILL", ofManager: true },
  { name: "SIGSTOP of the manager's", signal: "SIGSTOP", ofManager: true },
] as const
type Kind = (typeof kinds)[number]

interface Fault {
  readonly kind: Kind
  readonly shards: number
  readonly servingMs: number
  readonly deliveringMs: number
  readonly fullRateMs: number
}

export const failover: ClusterScenario = {
  name: "failover",
  summary: "kill -9 and SIGSTOP of nodes, the manager's too; until its shards serve again",
  reads: [
    ...(["nodes", "shards", "size", "batch", "queues", "rate", "probes", "probeRate"] as const),
    ...(["messages", "kills", "seed"] as const),
  ],
  secondsPlanned: ({ kills, messages }) => 10 + messages / 50_000 + kills * kinds.length * 20,
  take: async (settings, onStep) => {
    onStep("starting", 0)
    const run = await ClusterRun.start(settings)
    try {
      return await takeFaults(run, onStep)
    } finally {
      await run.close()
    }
  },
}

const takeFaults = async (run: ClusterRun, onStep: OnClusterStep) => {
  const { settings, fabric } = run
  const status = await fabric.whole()
  const probed = shardsInTurns(status, settings.probes, [])
  const full = probed.find((shard) => shard !== catalogShard)!
  onStep("filling", 0.05)
  await fillShard(run, full)
  await openProbes(run, probed)
  await openLoad(run, [full])
  await run.start()
  await run.hold(warmupSeconds)
  const faults: Fault[] = []
  const planned = settings.kills * kinds.length
  for (let count = 0; count < planned; count++) {
    const kind = kinds[count % kinds.length]!
    onStep(`${kind.name} ${Math.floor(count / kinds.length) + 1}`, 0.2 + (0.75 * count) / planned)
    faults.push(await faultOnce(run, kind, probed, full))
  }
  const audits = await run.finish()
  const cases = kinds.map((kind) =>
    caseOf(
      kind.name,
      faults.filter((fault) => fault.kind === kind),
    ),
  )
  return {
    cases: [...cases, authorCase(audits)],
    points: run.timeline.points,
    marks: run.timeline.marks,
    notes: run.notes,
  }
}

const faultOnce = async (
  run: ClusterRun,
  kind: Kind,
  probed: readonly number[],
  full: number,
): Promise<Fault> => {
  const { fabric } = run
  const { node, pid } = await prepare(run, kind, full)
  await run.hold(quietSeconds)
  const { shards } = await fabric.node(node)
  const hit = probed.filter((shard) => shards.includes(shard))
  const atMs = run.mark(`${kind.signal} ${node}`)
  fabric.signal(pid, kind.signal)
  await run.hold(stopSeconds)
  if (kind.signal === "SIGSTOP") {
    run.mark(`SIGCONT ${node}`)
    fabric.signal(pid, "SIGCONT")
  }
  await run.hold(watchSeconds - stopSeconds)
  const fault = measure(run, kind, hit, atMs)
  await fabric.whole()
  run.trim(Number.POSITIVE_INFINITY)
  return fault
}

/** Chooses the node and brings the full shard there. */
const prepare = async (run: ClusterRun, kind: Kind, full: number) => {
  const { fabric } = run
  const { nodes, manager } = await fabric.whole()
  const owner = nodes.find(({ shards }) => shards.includes(full))
  const fitting = nodes.filter(({ node }) => (node === manager) === kind.ofManager)
  const chosen = fitting.find((node) => node === owner) ?? fitting[0]!
  if (chosen !== owner) {
    run.mark(`${shardName(full)} to ${chosen.node}`)
    await fabric.admin.moveShard(full, chosen.node, { timeoutMs: moveMsMax })
  }
  return chosen
}

const measure = (run: ClusterRun, kind: Kind, hit: readonly number[], atMs: number): Fault => {
  const watchedMs = watchSeconds * 1000
  const after = (shard: number, what: "arrivals" | "confirms"): number => {
    const ms = answeredAfterMs(run.history.get(probeName(shard))![what].columns(), atMs)
    if (ms !== null) return ms
    run.notes.push(`${kind.name}: ${shardName(shard)}: no ${what} for ${watchSeconds} s`)
    return watchedMs
  }
  const load = run.history.get(loadName)!.confirms.columns()
  const before = load.latencyMs.subarray(0, firstAtOrAfter(load.doneMs, atMs))
  const lateMs = Math.max(lateMsMin, 2 * (percentileOf([...before], 0.99) ?? 0))
  return {
    kind,
    shards: hit.length,
    servingMs: Math.max(...hit.map((shard) => after(shard, "confirms"))),
    deliveringMs: Math.max(...hit.map((shard) => after(shard, "arrivals"))),
    fullRateMs: caughtUpAfterMs(load, atMs, atMs + watchedMs, lateMs),
  }
}

const caseOf = (name: string, faults: readonly Fault[]): CaseResult => {
  const serving = faults.map(({ servingMs }) => servingMs)
  return {
    name,
    facts: {
      faults: faults.length,
      shards: Math.max(...faults.map(({ shards }) => shards)),
      servingMs: median(serving),
      servingMsMax: Math.max(...serving),
      deliveringMsMax: Math.max(...faults.map(({ deliveringMs }) => deliveringMs)),
      fullRateMsMax: Math.max(...faults.map(({ fullRateMs }) => fullRateMs)),
    },
  }
}
