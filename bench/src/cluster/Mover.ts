/**
 * Moves one shard after the other, as an operator would, and measures each pause: the longest time
 * between two confirms of the shard's probe, of those that touch the time from the move's begin
 * to a quarter of a second after its end.
 */
import { longestGapMs } from "../measure/gaps.js"
import { monotonicMs } from "../measure/monotonicMs.js"
import type { ClusterRun } from "./ClusterRun.js"
import { probeName, shardName } from "./streams.js"

const marginMs = 250
/** What is kept of the probes' answers: a move may take as long as this. */
const keptMs = 120_000
const moveMsMax = 90_000

interface Move {
  readonly shard: number
  readonly beginMs: number
  readonly endMs: number
}

export interface Pause {
  readonly shard: number
  readonly tookMs: number
  readonly confirmMs: number
  readonly endToEndMs: number
}

export class Mover {
  readonly pauses: Pause[] = []
  readonly refusals: string[] = []
  /** How often a shard had more than one owner token, looked at after each move. */
  doubledOwners = 0
  done = 0
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
      await fabric.admin.moveShard(shard, to, { timeoutMs: moveMsMax })
      this.pending.push({ shard, beginMs, endMs: monotonicMs() })
      this.done++
    } catch (error) {
      this.refusals.push(`${shardName(shard)} to ${to}: ${(error as Error).message}`)
    }
    if (this.shards.some((each) => fabric.ownerTokens(each) > 1)) this.doubledOwners++
    const leftMs = beginMs + settings.every * 1000 - monotonicMs()
    if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs))
    await this.run.take()
    this.judge()
  }

  /** Measures all moves after which the shard has confirmed something; at the end simply all. */
  judge(isEnd = false): void {
    const isOver = ({ shard, endMs }: Move): boolean =>
      isEnd || this.lastConfirmMs(shard) >= endMs + marginMs
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
    const begun = this.pending.map(({ beginMs }) => beginMs)
    this.run.trim(Math.min(monotonicMs() - keptMs, ...begun))
  }

  private lastConfirmMs(shard: number): number {
    return this.run.history.get(probeName(shard))!.confirms.columns().doneMs.at(-1) ?? 0
  }
}
