/**
 * Owns: the loads of the shards that are open on this node, out of their meters: rates over the
 * time since the last sample.
 * Must not know: who asks.
 *
 * There is no timer: a sample is taken when somebody asks and the last one is nearly as old as the
 * manager's period, so a node that nobody asks does nothing, and several who ask see the same.
 */
import { type Clock, limits, type Shard } from "@skein/model"
import type { ShardLoad } from "@skein/placement"
import type { ShardMeter } from "./ShardMeter.js"

type Meters = Iterable<readonly [Shard, ShardMeter]>

interface Before {
  readonly meter: ShardMeter
  readonly messages: number
  readonly bytes: number
  readonly busyMs: number
}

/** Who asks once a period must not get the same sample twice when a timer was early. */
const freshForMs = limits.loadSampleEveryMs * 0.8

export class LoadSampler {
  private sampledMs: number
  private before = new Map<Shard, Before>()
  private latest: readonly ShardLoad[] | undefined

  constructor(
    private readonly clock: Pick<Clock, "monotonicMs">,
    private readonly meters: () => Meters,
  ) {
    this.sampledMs = clock.monotonicMs()
  }

  /** By shard, one entry for each that is open. */
  loads(): readonly ShardLoad[] {
    const nowMs = this.clock.monotonicMs()
    const elapsedMs = nowMs - this.sampledMs
    if (this.latest !== undefined && elapsedMs < freshForMs) return this.latest
    this.latest = this.sample(Math.max(1, elapsedMs))
    this.sampledMs = nowMs
    return this.latest
  }

  private sample(elapsedMs: number): readonly ShardLoad[] {
    const loads: ShardLoad[] = []
    const seen = new Map<Shard, Before>()
    for (const [shard, meter] of this.meters()) {
      const { messages, bytes, busyMs, depth } = meter
      const known = this.before.get(shard)
      // A shard that was opened since the last sample has a meter of its own.
      const was = known?.meter === meter ? known : { messages: 0, bytes: 0, busyMs: 0 }
      const perSecond = (count: number): number => (count * 1_000) / elapsedMs
      loads.push({
        shard,
        bytesPerSecond: perSecond(bytes - was.bytes),
        messagesPerSecond: perSecond(messages - was.messages),
        depth: Math.max(0, depth),
        busy: Math.min(1, (busyMs - was.busyMs) / elapsedMs),
        confirmP99Ms: meter.takeConfirmP99Ms(),
      })
      seen.set(shard, { meter, messages, bytes, busyMs })
    }
    this.before = seen
    return loads.sort((a, b) => a.shard - b.shard)
  }
}
