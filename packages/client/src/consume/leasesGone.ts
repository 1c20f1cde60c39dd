/**
 * Owns: asking a node which messages of some runs are no longer leased to the session, and marking
 * those as lost.
 */
import type { Epoch, QueueRef, Sequence, SessionId } from "@skein/model"
import type { FabricConnection } from "../link/FabricConnection.js"
import { requestRanges } from "./cutRanges.js"
import { type HeldRun, lost } from "./HeldRun.js"

/**
 * `onLost` hears of each run with how many messages of it are lost. What was handed out meanwhile
 * is left alone: its settle says what became of it. Rejects as `extend` does.
 */
export const markLeasesGone = async (
  fabric: FabricConnection,
  queue: QueueRef,
  session: SessionId,
  runs: readonly HeldRun[],
  onLost: (run: HeldRun, messages: number) => void,
): Promise<void> => {
  const byEpoch = new Map<Epoch, HeldRun[]>()
  for (const run of runs) {
    const same = byEpoch.get(run.run.epoch)
    if (same === undefined) byEpoch.set(run.run.epoch, [run])
    else same.push(run)
  }
  const asked: Promise<void>[] = []
  for (const [epoch, same] of byEpoch) {
    const pairs: (readonly [Sequence, Sequence])[] = []
    for (const run of same) run.heldRanges((first, last) => pairs.push([first, last]))
    pairs.sort((a, b) => a[0] - b[0])
    for (const ranges of requestRanges(pairs.flat())) {
      const gone = fabric.broker.extend({ queue, session, epoch, ranges })
      asked.push(gone.then((lostRanges) => mark(same, lostRanges, onLost)))
    }
  }
  await Promise.all(asked)
}

const mark = (
  runs: readonly HeldRun[],
  gone: readonly Sequence[],
  onLost: (run: HeldRun, messages: number) => void,
): void => {
  if (gone.length === 0) return
  for (const run of runs) {
    if (run.handedOut) continue
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
