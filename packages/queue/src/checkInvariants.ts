/**
 * Owns: what must hold between the parts of a queue's state at every moment. O(messages): for tests
 * and simulators; the O(1) checks stand in the code itself.
 */
import { invariant } from "@skein/model"
import type { QueueState } from "./QueueState.js"
import type { Block } from "./state/Block.js"
import * as Bits from "./state/bits.js"
import type { Lease } from "./state/Leases.js"

/** @throws InvariantViolation */
export const checkInvariants = (state: QueueState): void => {
  const { blocks } = state
  const remaining = new Map<Lease, number>()
  let ready = 0
  let leased = 0
  let bytes = 0
  let unlocated = 0
  let before: Block | undefined
  let length = 0
  for (let block = blocks.first; block !== undefined; block = block.next) {
    invariant(block.previous === before, "the list of blocks is broken")
    invariant(before === undefined || before.index < block.index, "blocks are out of order")
    invariant(blocks.byIndex.get(block.index) === block, "a block is not found by its number")
    checkBlock(block, remaining)
    ready += block.ready
    leased += block.leased
    for (let at = 0; at < block.frames.length; at++) {
      if (block.frames.live(at) === 0) continue
      bytes += block.frames.bytes(at)
      if (Number.isNaN(block.frames.location(at))) unlocated++
    }
    const kept = block.unsettled > 0 || block.frames.alive > 0
    invariant(kept || state.next < block.base + Bits.blockMessages, "an empty block is kept")
    before = block
    length++
  }
  invariant(blocks.last === before && blocks.byIndex.size === length, "blocks are lost")
  invariant(ready === blocks.ready && leased === blocks.leased, "totals differ from the blocks")
  invariant(bytes === blocks.bytes && unlocated === blocks.unlocated, "frames are miscounted")
  checkReadyBlock(state)
  checkFrames(state)
  checkSessions(state, remaining)
}

const checkBlock = (block: Block, remaining: Map<Lease, number>): void => {
  let ready = 0
  let leased = 0
  let marks = 0
  const leasedOffsets = new Set<number>()
  for (let offset = 0; offset < Bits.blockMessages; offset++) {
    const lane = block.lane(offset)
    const place = lane & 3
    invariant(place !== 3 && (lane === 0 || place !== 0), "a message is in no known state")
    if (place === Bits.ready) {
      ready++
      invariant(offset >= block.readyFrom, "a ready message lies below readyFrom")
    }
    if (place === Bits.leased) {
      leased++
      leasedOffsets.add(offset)
    }
    invariant(lane === 0 || offset >= block.unsettledFrom, "a message lies below unsettledFrom")
    marks += ((lane >> 2) & 1) + ((lane >> 3) & 1)
    const known = (lane & Bits.flagged) !== 0 || block.touched
    invariant((lane & Bits.open) === 0 || known, "an open delivery would not be flagged")
  }
  invariant(ready === block.ready && leased === block.leased, "a block's counts differ")
  invariant(marks === block.marks, "a block's marks differ")
  let last = -1
  for (const held of block.held) {
    invariant(held.first > last && held.last >= held.first, "leases of a block overlap")
    last = held.last
    for (let at = held.first; at <= held.last; at++) {
      invariant(leasedOffsets.delete(at - block.base), "a lease holds what is not leased")
    }
    const sum = (remaining.get(held.lease) ?? 0) + held.last - held.first + 1
    remaining.set(held.lease, sum)
  }
  invariant(leasedOffsets.size === 0, "a leased message has no lease")
}

const checkReadyBlock = ({ blocks }: QueueState): void => {
  for (let block = blocks.first; block !== undefined; block = block.next) {
    if (block === blocks.readyBlock) return
    invariant(block.ready === 0, "a ready message lies before the block where the search begins")
  }
  invariant(blocks.readyBlock === undefined, "the search for ready messages begins nowhere")
}

const checkFrames = ({ blocks }: QueueState): void => {
  const live = new Map<Block, number[]>()
  for (let block = blocks.first; block !== undefined; block = block.next) {
    for (let offset = 0; offset < Bits.blockMessages; offset++) {
      if (block.lane(offset) === 0) continue
      const frame = blocks.frameOf(block, offset)
      const sequence = block.base + offset
      invariant(frame.first <= sequence && sequence <= frame.last, "a message has a foreign frame")
      const counts = live.get(frame.block) ?? []
      counts[frame.at] = (counts[frame.at] ?? 0) + 1
      live.set(frame.block, counts)
    }
  }
  for (let block = blocks.first; block !== undefined; block = block.next) {
    let alive = 0
    for (let at = 0; at < block.frames.length; at++) {
      const found = live.get(block)?.[at] ?? 0
      invariant(found === block.frames.live(at), "a frame's messages are miscounted")
      if (found > 0) alive++
    }
    invariant(alive === block.frames.alive, "a block's frames are miscounted")
  }
}

const checkSessions = (state: QueueState, remaining: ReadonlyMap<Lease, number>): void => {
  let leases = 0
  let waits = 0
  let repeats = 0
  for (const session of state.sessions.byId.values()) {
    let leased = 0
    for (const lease of session.leases) {
      invariant(lease.remaining > 0, "an empty lease is kept")
      invariant(lease.remaining === remaining.get(lease), "a lease is miscounted")
      invariant(lease.heapAt >= 0, "a lease is never due")
      leased += lease.remaining
      leases++
    }
    invariant(leased === session.leased, "a session's leased messages are miscounted")
    const waiting = session.waits.length > 0
    invariant(waiting === state.sessions.turns.includes(session), "a session waits in vain")
    waits += session.waits.length
    for (const wait of session.waits) {
      if (wait.repeat) repeats++
      invariant(wait.repeat === session.answered(wait.fetchNumber), "a repeat is not known as one")
    }
  }
  invariant(leases === remaining.size, "a lease belongs to no session")
  invariant(leases === state.leases.due.size, "leases and due times differ")
  invariant(repeats === state.sessions.repeats, "repeats are miscounted")
  invariant(waits === state.sessions.waits.size, "waits and due times differ")
}
