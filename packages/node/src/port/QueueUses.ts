/**
 * Owns: which queues one connection uses and how often, for operators: the first
 * `limits.queueUsesPerConnectionMax` of them. One look-up a request.
 * Must not know: queue names.
 */
import { type Generation, limits, type QueueRef } from "@skein/model"
import type { QueueUse } from "@skein/wire"

export class QueueUses {
  private readonly uses = new Map<
    Generation,
    { -readonly [Key in keyof QueueUse]: QueueUse[Key] }
  >()

  count({ shard, generation }: QueueRef): void {
    const use = this.uses.get(generation)
    if (use !== undefined) use.requests += 1
    else if (this.uses.size < limits.queueUsesPerConnectionMax) {
      this.uses.set(generation, { shard, generation, requests: 1 })
    }
  }

  rows(): readonly QueueUse[] {
    return [...this.uses.values()].map((use) => ({ ...use }))
  }
}
