/**
 * Owns: requests that came for a shard which is on its way to this node: they wait, bounded in time
 * and number, until it serves, goes elsewhere, or their time is over.
 * Must not know: what is asked, where shards go.
 *
 * They go on in the order in which they came. Shutdown: `close` answers all.
 */
import { type Deferred, deferred } from "@skein/cluster"
import {
  type Clock,
  limits,
  type Shard,
  type SkeinError,
  shardName,
  skeinError,
} from "@skein/model"

interface Waiting {
  readonly requests: Deferred<void>[]
  readonly disarm: () => void
}

export class Arrivals {
  private readonly waiting = new Map<Shard, Waiting>()
  private count = 0

  constructor(private readonly clock: Clock) {}

  /** Resolves when the shard serves here; rejects with ShardUnavailable, or as `review` says. */
  wait(shard: Shard): Promise<void> {
    if (this.count >= limits.parkedRequestsMax) return Promise.reject(late(shard))
    const request = deferred()
    this.count += 1
    const known = this.waiting.get(shard)
    if (known !== undefined) known.requests.push(request)
    else {
      const disarm = this.clock.setTimer(limits.parkedMs, () => this.end(shard, late(shard)))
      this.waiting.set(shard, { requests: [request], disarm })
    }
    return request.promise
  }

  /** The shard serves. */
  arrived(shard: Shard): void {
    this.end(shard, undefined)
  }

  /** `problem`: why a shard is not awaited any more, if it is not. */
  review(problem: (shard: Shard) => SkeinError | undefined): void {
    for (const shard of [...this.waiting.keys()]) {
      const why = problem(shard)
      if (why !== undefined) this.end(shard, why)
    }
  }

  close(): void {
    for (const shard of [...this.waiting.keys()]) this.end(shard, late(shard))
  }

  private end(shard: Shard, why: SkeinError | undefined): void {
    const waiting = this.waiting.get(shard)
    if (waiting === undefined) return
    this.waiting.delete(shard)
    waiting.disarm()
    this.count -= waiting.requests.length
    for (const { resolve, reject } of waiting.requests) {
      if (why === undefined) resolve()
      else reject(why)
    }
  }
}

const late = (shard: Shard): SkeinError =>
  skeinError("ShardUnavailable", `shard ${shardName(shard)} is being opened`, { shard })
