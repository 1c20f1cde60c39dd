/**
 * Owns: extending the leases of some runs, in ranges, in as many requests as they need; and marking
 * what the node no longer leases to the session as lost.
 */
import type { Epoch, QueueRef, Sequence, SessionId } from "@skein/model"
import type { FabricConnection } from "../link/FabricConnection.js"
import { requestRanges } from "./cutRanges.js"
import { type HeldRun, lost } from "./HeldRun.js"

export interface LeaseExtension {
  readonly queue: QueueRef
  readonly session: SessionId
  /** Absent: the queue's lease. */
  readonly leaseMs?: number
  /** Whether messages of `run` may be marked as lost, asked when the answer is there. */
  readonly marks: (run: HeldRun) => boolean
  /** Hears of each run with how many messages of it are lost. */
  readonly onLost: (run: HeldRun, messages: number) => void
}

/** One promise per request; each rejects as `extend` does. */
export const extendLeases = (
  fabric: FabricConnection,
  runs: Iterable<HeldRun>,
  extension: LeaseExtension,
): Promise<void>[] => {
  const { marks, onLost, ...request } = extension
  const asked: Promise<void>[] = []
  for (const [epoch, same] of byEpoch(runs)) {
    for (const ranges of requestRanges(rangesOf(same))) {
      const answer = fabric.broker.extend({ ...request, epoch, ranges })
      asked.push(answer.then((gone) => mark(same.filter(marks), gone, onLost)))
    }
  }
  return asked
}

const byEpoch = (runs: Iterable<HeldRun>): ReadonlyMap<Epoch, HeldRun[]> => {
  const groups = new Map<Epoch, HeldRun[]>()
  for (const run of runs) {
    const same = groups.get(run.run.epoch)
    if (same === undefined) groups.set(run.run.epoch, [run])
    else same.push(run)
  }
  return groups
}

/**
 * Of what is held: pairs `first, last`, ascending, merged where they touch. A message whose lease
 * ran out may be held under two attempts: it is named once, a node refuses ranges that overlap.
 */
const rangesOf = (runs: readonly HeldRun[]): Sequence[] => {
  const pairs: (readonly [Sequence, Sequence])[] = []
  for (const run of runs) run.heldRanges((first, last) => pairs.push([first, last]))
  pairs.sort((a, b) => a[0] - b[0])
  const ranges: Sequence[] = []
  for (const [first, last] of pairs) {
    const end = ranges.length - 1
    if (end > 0 && ranges[end] + 1 >= first) ranges[end] = Math.max(ranges[end], last)
    else ranges.push(first, last)
  }
  return ranges
}

const mark = (
  runs: readonly HeldRun[],
  gone: readonly Sequence[],
  onLost: (run: HeldRun, messages: number) => void,
): void => {
  if (gone.length === 0) return
  for (const run of runs) {
    let messages = 0
    for (let index = 0; index < run.count; index++) {
      if (holds(gone, run.sequence(index)) && run.mark(index, lost)) messages++
    }
    if (messages > 0) onLost(run, messages)
  }
}

/** Binary search over pairs `first, last`, ascending. */
const holds = (ranges: readonly Sequence[], sequence: Sequence): boolean => {
  let low = 0
  let high = ranges.length / 2 - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    if (sequence < ranges[2 * middle]) high = middle - 1
    else if (sequence > ranges[2 * middle + 1]) low = middle + 1
    else return true
  }
  return false
}
