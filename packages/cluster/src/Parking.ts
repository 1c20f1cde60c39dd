/**
 * Owns: the time in which a shard that moves decides nothing: since when, how many wait for its
 * end, and until when they may. It ends with `resumed` (the shard stays) or `closed`.
 * Must not know: actors, records.
 */
import { type Clock, limits, type Shard, type SkeinError } from "@skein/model"
import { type Deferred, deferred } from "./Deferred.js"
import { stillMoving } from "./hostErrors.js"

export class Parking {
  private readonly sinceMs: number
  private readonly over: Deferred<void> = deferred()
  private readonly stop: () => void
  private requests = 0
  /** Nobody waits any longer. */
  private late = false

  /** `onLate`: it has lasted for `limits.parkedMs`: those who wait are sent away. */
  constructor(
    private readonly shard: Shard,
    private readonly clock: Pick<Clock, "monotonicMs" | "setTimer">,
    onLate: (why: SkeinError) => void,
  ) {
    this.sinceMs = clock.monotonicMs()
    // Nobody need be waiting.
    this.over.promise.catch(() => {})
    this.stop = clock.setTimer(limits.parkedMs, () => {
      this.late = true
      onLate(stillMoving(shard))
    })
  }

  get pausedMs(): number {
    return this.clock.monotonicMs() - this.sinceMs
  }

  /** Resolves when the shard goes on here, rejects when it is closed. */
  get ended(): Promise<void> {
    return this.over.promise
  }

  /** One more request comes; why it cannot wait, if so. */
  admit(): SkeinError | undefined {
    if (this.late || this.requests >= limits.parkedRequestsMax) return stillMoving(this.shard)
    this.requests += 1
    return undefined
  }

  resumed(): void {
    this.stop()
    this.over.resolve()
  }

  closed(why: SkeinError): void {
    this.stop()
    this.over.reject(why)
  }
}
