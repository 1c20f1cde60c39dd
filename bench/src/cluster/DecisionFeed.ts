/** Follows what the shard manager decides, over changes of the manager, and counts moves. */
import type { SkeinClient } from "@skein/client"
import { monotonicMs } from "../measure/monotonicMs.js"

export interface SeenDecision {
  /** When it was heard of: on the bench's clock, unlike the manager's own time. */
  readonly seenMs: number
  readonly event: string
  readonly what: string
  readonly reason: string
}

export class DecisionFeed {
  readonly seen: SeenDecision[] = []
  private log: string | undefined
  private last = 0

  private constructor(private readonly admin: SkeinClient) {}

  /** From now on: what was decided before is skipped. */
  static async follow(admin: SkeinClient): Promise<DecisionFeed> {
    const feed = new DecisionFeed(admin)
    await feed.poll()
    feed.seen.length = 0
    return feed
  }

  /** While nobody manages, nothing is heard. */
  async poll(): Promise<void> {
    const asked = this.log === undefined ? {} : { after: this.last, log: this.log }
    const page = await this.admin.decisions(asked).catch(() => undefined)
    if (page === undefined) return
    const seenMs = monotonicMs()
    for (const { event, what, reason } of page.decisions) {
      this.seen.push({ seenMs, event, what, reason })
    }
    this.log = page.log
    this.last = page.last
  }

  /** Moves that ended, well or not, after `sinceMs`. */
  movesAfter(sinceMs: number): readonly SeenDecision[] {
    return this.seen.filter(({ event, seenMs }) => event === "MoveEnded" && seenMs >= sinceMs)
  }
}
