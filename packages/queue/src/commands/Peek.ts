/** Owns: looking at messages, ready or leased, without a lease. Changes nothing. */
import { limits } from "@skein/model"
import type { Peek } from "../Command.js"
import type { Decision } from "../Decision.js"
import type { QueueState } from "../QueueState.js"
import { blockOf } from "../state/Blocks.js"
import { blockMessages, unsettledLanes } from "../state/bits.js"
import { RunBuilder } from "../state/RunBuilder.js"

export const decidePeek = (state: QueueState, command: Peek): Decision => {
  const messagesMax = Math.min(command.messagesMax, limits.peekMessagesMax)
  const builder = new RunBuilder(state.blocks, messagesMax, command.bytesMax)
  const start = blockOf(command.from)
  let block = state.blocks.byIndex.get(start) ?? state.blocks.first
  while (block !== undefined && !builder.full) {
    let from = block.index < start ? blockMessages : Math.max(command.from - block.base, 0)
    from = block.seek(unsettledLanes, from)
    while (from < blockMessages && !builder.full) {
      const to = block.runEnd(unsettledLanes, from, blockMessages - 1)
      builder.take(block, from, to)
      from = block.seek(unsettledLanes, to + 1)
    }
    block = block.next
  }
  return { events: [], reply: { _tag: "Peeked", runs: builder.done().runs }, deliveries: [] }
}
