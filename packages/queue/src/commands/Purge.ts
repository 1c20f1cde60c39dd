/**
 * Owns: removing every ready message, in parts of bounded size. Leased ones stay with their
 * sessions.
 */
import { limits, type Sequence } from "@skein/model"
import type { Purge } from "../Command.js"
import type { Decision } from "../Decision.js"
import type { MessagesPurged } from "../Event.js"
import type { QueueState } from "../QueueState.js"
import { blockMessages, readyLanes } from "../state/bits.js"
import { countRanges, pushRange } from "../state/ranges.js"
import { nobody } from "../state/Settlers.js"
import { noteSettlers } from "./Settle.js"

export const decidePurge = (state: QueueState, command: Purge): Decision => {
  const end = Math.min(command.rest?.end ?? state.next, state.next)
  const ranges: Sequence[] = []
  const from = collect(state, command.rest?.from ?? 0, end, ranges)
  const event: MessagesPurged = { _tag: "MessagesPurged", ranges }
  const rest = from < end ? { rest: { from, end } } : {}
  return {
    events: ranges.length === 0 ? [] : [event],
    reply: { _tag: "Purged", messages: countRanges(ranges), ...rest },
    deliveries: [],
  }
}

/** Ready messages of `from .. end - 1`, as far as one event may go; where the rest begins. */
const collect = (
  state: QueueState,
  from: Sequence,
  end: Sequence,
  ranges: Sequence[],
): Sequence => {
  for (let block = state.blocks.readyBlock; block !== undefined; block = block.next) {
    const { base } = block
    if (base >= end) break
    if (block.ready === 0 || base + blockMessages <= from) continue
    // A block has so many ranges at most.
    if (ranges.length / 2 + blockMessages / 2 > limits.eventRangesMax) return base
    const first = Math.max(from - base, 0)
    const last = Math.min(end - base, blockMessages) - 1
    block.runs(readyLanes, first, last, (start, stop) =>
      pushRange(ranges, base + start, base + stop),
    )
  }
  return end
}

export const evolvePurged = (state: QueueState, event: MessagesPurged): void => {
  const { ranges } = event
  for (let at = 0; at < ranges.length; at += 2) {
    const first = ranges[at]
    const last = ranges[at + 1]
    state.blocks.every(first, last, (block, from, to) => {
      noteSettlers(state, block, from, to, nobody)
      state.leases.release(block, from, to, state.blocks.settle(block, from, to))
    })
    state.blocks.sweep(first, last, state.next)
  }
  state.counters.purged += countRanges(ranges)
}
