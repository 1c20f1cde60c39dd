/**
 * Owns: the moves that this node carries out as the manager: at most `limits.movesAtOnceMax` at a
 * time, in the order in which they were begun.
 * Must not know: what a move consists of; the table.
 */
import { type Clock, limits, type Shard } from "@skein/model"
import type { Move } from "@skein/placement"

/** Carries out one move. `refused`: the shard is where it was. */
export type MoveShard = (move: Move) => Promise<"done" | "refused">

export interface EndedMove {
  readonly move: Move
  readonly outcome: "done" | "refused"
  readonly tookMs: number
  readonly why?: string
}

interface Waiting {
  readonly move: Move
  readonly ended: (end: EndedMove) => void
}

export class MoveRunner {
  private readonly shards = new Set<Shard>()
  private readonly waiting: Waiting[] = []
  private running = 0

  constructor(
    private readonly clock: Clock,
    private readonly carryOut: MoveShard,
  ) {}

  /** Begun and not ended. */
  get underWay(): ReadonlySet<Shard> {
    return this.shards
  }

  run(move: Move, ended: (end: EndedMove) => void): void {
    this.shards.add(move.shard)
    this.waiting.push({ move, ended })
    this.next()
  }

  /** What has not begun is given up, without a word; what runs ends by itself. */
  stop(): void {
    this.waiting.length = 0
  }

  private next(): void {
    if (this.running >= limits.movesAtOnceMax) return
    const waiting = this.waiting.shift()
    if (waiting === undefined) return
    this.running += 1
    void this.carried(waiting.move).then((end) => {
      this.running -= 1
      waiting.ended(end)
      this.next()
    })
  }

  /** The table says now how it ended. */
  forget(shard: Shard): void {
    this.shards.delete(shard)
  }

  private async carried(move: Move): Promise<EndedMove> {
    const beganMs = this.clock.monotonicMs()
    const tookMs = () => this.clock.monotonicMs() - beganMs
    try {
      const outcome = await this.carryOut(move)
      return { move, outcome, tookMs: tookMs() }
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      return { move, outcome: "refused", tookMs: tookMs(), why }
    }
  }
}
