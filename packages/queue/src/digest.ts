/**
 * Owns: the digest of a queue: equal for two states exactly if their durable facts are equal (up to
 * the chance of 64-bit sums). Facts about messages, producers and dedup ids are kept in `lanes` as
 * they change; the few that are left are mixed in here. Leases, waits and locations are not in it.
 */
import type { QueueState } from "./QueueState.js"
import { counterNames } from "./state/Counters.js"
import { hexOf, mixNumber, mixText, seedA, seedB } from "./state/Lanes.js"

/** 16 hexadecimal digits. O(1). */
export const digest = (state: QueueState): string =>
  hexOf(half(state, seedA, state.lanes.a), half(state, seedB, state.lanes.b))

const half = (state: QueueState, seed: number, sum: number): number => {
  const { policy } = state
  let hash = mixNumber(mixNumber(seed, sum), state.generation)
  hash = mixText(mixText(hash, state.life), state.name)
  for (const value of [
    state.epoch,
    state.next,
    policy.leaseMs,
    policy.dedupWindowMs,
    policy.messagesMax,
    policy.bytesMax,
    policy.bodyBytesMax,
  ]) {
    hash = mixNumber(hash, value)
  }
  for (const name of counterNames) hash = mixNumber(hash, state.counters[name])
  return hash
}
