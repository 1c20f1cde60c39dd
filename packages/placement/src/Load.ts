/**
 * Owns: the one number that a shard's load is, its averages over time, and how it is shown.
 * Must not know: nodes, policies.
 */
import type { Shard } from "@skein/model"
import type { ShardLoad } from "./ClusterView.js"
import { tuning } from "./Tuning.js"

/** Of a thread, for one second: what the first node's figures give on two cores. */
const messagesPerThread = 400_000
const bytesPerThread = 200 * 1024 * 1024
/** Waiting messages cost memory and time of recovery, not the thread: a tie-break among idle. */
const depthPerThread = 1_000_000_000

/**
 * What a shard costs by being open: the count of shards decides between nodes that have equal
 * work, so that an idle fabric spreads evenly.
 */
export const loadOfOpenShard = 0.000_5

/**
 * The work of a shard, in threads: the mean of what its owner measured (`busy`) and what its
 * traffic usually costs (the larger of messages and bytes per second), and a little for its depth.
 * The mean, because `busy` of a starved thread says too little and traffic alone knows nothing of
 * large checkpoints or slow commands.
 */
export const workOf = (load: ShardLoad | undefined): number => {
  if (load === undefined) return 0
  const messages = load.messagesPerSecond / messagesPerThread
  const traffic = Math.max(messages, load.bytesPerSecond / bytesPerThread)
  return (load.busy + traffic) / 2 + load.depth / depthPerThread
}

/** Work and the cost of being open. */
export const loadOf = (load: ShardLoad | undefined): number => workOf(load) + loadOfOpenShard

type Loads = ReadonlyMap<Shard, ShardLoad>

/**
 * Exponential averages of samples, `elapsedMs` after the last: plans follow what lasts. A shard
 * without an average takes its first sample as it is; one without a sample is forgotten.
 */
export const averaged = (averages: Loads, samples: Loads, elapsedMs: number): Loads => {
  const keep = 0.5 ** (Math.max(0, elapsedMs) / tuning.loadHalfLifeMs)
  const next = new Map<Shard, ShardLoad>()
  for (const [shard, sample] of samples) {
    const before = averages.get(shard) ?? sample
    const mix = (old: number, now: number) => keep * old + (1 - keep) * now
    next.set(shard, {
      shard,
      bytesPerSecond: mix(before.bytesPerSecond, sample.bytesPerSecond),
      messagesPerSecond: mix(before.messagesPerSecond, sample.messagesPerSecond),
      depth: sample.depth,
      busy: mix(before.busy, sample.busy),
      confirmP99Ms: mix(before.confirmP99Ms, sample.confirmP99Ms),
    })
  }
  return next
}

/** `0.31 (12400 msg/s, 3.1 MB/s)`, or `idle`. */
export const showLoad = (load: ShardLoad | undefined): string => {
  if (load === undefined || workOf(load) < 1e-4) return "idle"
  const rate = `${Math.round(load.messagesPerSecond)} msg/s`
  return `${workOf(load).toFixed(3)} (${rate}, ${(load.bytesPerSecond / 1e6).toFixed(1)} MB/s)`
}
