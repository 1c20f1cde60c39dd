/** Owns: removing every ready message. Leased ones stay with their sessions. */
import type { Sequence } from "@skein/model"
import type { Decision } from "../Decision.js"
import type { MessagesPurged } from "../Event.js"
import type { QueueState } from "../QueueState.js"
import { blockMessages, readyLanes } from "../state/bits.js"
import { countRanges, pushRange } from "../state/ranges.js"

export const decidePurge = (state: QueueState): Decision => {
  const ranges: Sequence[] = []
  for (let block = state.blocks.readyBlock; block !== undefined; block = block.next) {
    if (block.ready === 0) continue
    const { base } = block
    block.runs(readyLanes, 0, blockMessages - 1, (first, last) =>
      pushRange(ranges, base + first, base + last),
    )
  }
  const event: MessagesPurged = { _tag: "MessagesPurged", ranges }
  return {
    events: ranges.length === 0 ? [] : [event],
    reply: { _tag: "Purged", messages: countRanges(ranges) },
    deliveries: [],
  }
}

export const evolvePurged = (state: QueueState, event: MessagesPurged): void => {
  const { ranges } = event
  for (let at = 0; at < ranges.length; at += 2) {
    const first = ranges[at]
    const last = ranges[at + 1]
    state.blocks.every(first, last, (block, from, to) =>
      state.leases.release(block, from, to, state.blocks.settle(block, from, to)),
    )
    state.blocks.sweep(first, last, state.next)
  }
  state.counters.purged += countRanges(ranges)
}
