/**
 * Owns: tokens in memory, for one process: a `MemoryTokens` is what a directory is to the file
 * driver, and each {@link memoryOwnership} over it is one instance's view.
 */
import type { Epoch, InstanceId, Shard } from "@skein/model"
import { shardName, skeinError } from "@skein/model"
import type { Claim, Handing, Ownership } from "./Ownership.js"

interface Token {
  readonly epoch: Epoch
  readonly instance: InstanceId
}

/** The tokens that instances compete for. */
export class MemoryTokens {
  readonly #tokens = new Map<Shard, Token>()

  holder(shard: Shard): Token | undefined {
    return this.#tokens.get(shard)
  }

  take(shard: Shard, instance: InstanceId): Claim {
    const before = this.#tokens.get(shard)
    const epoch = (before?.epoch ?? 0) + 1
    this.#tokens.set(shard, { epoch, instance })
    return before === undefined ? { shard, epoch } : { shard, epoch, predecessor: before }
  }

  hand({ shard, epoch, to }: Handing, from: InstanceId): Epoch {
    const held = this.#tokens.get(shard)
    if (held?.epoch !== epoch || held.instance !== from) {
      throw skeinError("Moved", `${shardName(shard)} was taken by another process`, { shard })
    }
    return this.take(shard, to).epoch
  }
}

export const memoryOwnership = (tokens: MemoryTokens, instance: InstanceId): Ownership => ({
  instance,
  claim: async (shard) => tokens.take(shard, instance),
  hand: async (handing) => tokens.hand(handing, instance),
  holds: (shard, epoch) => {
    const token = tokens.holder(shard)
    return token !== undefined && token.epoch === epoch && token.instance === instance
  },
  holder: async (shard) => tokens.holder(shard),
})
