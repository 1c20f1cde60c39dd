/** Owns: telling recovered records to their tenant one by one, giving way in between. */
import type { ReplayedRecord } from "@skein/journal"
import type { Clock } from "@skein/model"
import { limits } from "@skein/model"
import type { RecoveredRecord } from "./RecoveredRecord.js"

export const replayedRecord = ({ from, locations }: RecoveredRecord): ReplayedRecord => {
  const { recordNumber, epoch, journalMs, events, frames } = from.record
  return {
    recordNumber,
    epoch,
    journalMs,
    events,
    frames: frames.map(({ generation, first, bytes }, at) => ({
      generation,
      first,
      bytes,
      location: locations[at],
    })),
  }
}

/** Gives way to the event loop as the fabric's 20 ms rule asks. */
export async function* replayRecords(
  records: Iterable<RecoveredRecord>,
  clock: Clock,
): AsyncGenerator<ReplayedRecord> {
  let sinceMs = clock.monotonicMs()
  for (const record of records) {
    yield replayedRecord(record)
    if (clock.monotonicMs() - sinceMs < limits.batchWorkMaxMs) continue
    await new Promise<void>((resolve) => clock.defer(resolve))
    sinceMs = clock.monotonicMs()
  }
}
