/**
 * Owns: how decided runs become bytes for a consumer: each frame is looked up where it lies now
 * (the cleaner may have moved it since), read, and cut to the messages of the run.
 * Interleaving: while a read is under way its frame may be moved, or die and its room be used
 * again.
 * A read that failed is a fault only if the frame still lies where it was looked for.
 */
import type { FrameKey, Location } from "@skein/journal"
import type { Epoch } from "@skein/model"
import { locate, type QueueState, type Run } from "@skein/queue"
import { type DeliveredRun, sliceFrame } from "@skein/wire"
import { storedFrame } from "./storedFrame.js"

/** The part of a shard that reads frames. */
export interface FrameReader {
  readonly epoch: Epoch
  readonly read: (key: FrameKey, location: Location, bytes: number) => Promise<Uint8Array>
}

/** A run whose frame has died meanwhile (its lease ran out and another settled it) is left out. */
export const readRuns = async (
  state: QueueState,
  runs: readonly Run[],
  reader: FrameReader,
): Promise<readonly DeliveredRun[]> => {
  const delivered: DeliveredRun[] = []
  for (const run of runs) {
    const bytes = await readFrame(state, run, reader)
    if (bytes !== undefined) delivered.push(cut(run, bytes, reader.epoch))
  }
  return delivered
}

const readFrame = async (
  state: QueueState,
  run: Run,
  reader: FrameReader,
): Promise<Uint8Array | undefined> => {
  const key = { generation: state.generation, first: run.frameFirst }
  for (;;) {
    const frame = locate(state, run.frameFirst)
    if (frame === undefined) return undefined
    try {
      return await reader.read(key, frame.location, frame.bytes)
    } catch (cause) {
      if (Object.is(locate(state, run.frameFirst)?.location, frame.location)) throw cause
    }
  }
}

const cut = (run: Run, bytes: Uint8Array, epoch: Epoch): DeliveredRun => ({
  epoch: run.epoch ?? epoch,
  attempt: run.attempt,
  failed: run.failed,
  returned: run.returned,
  redelivered: run.redelivered,
  first: run.first,
  last: run.last,
  ...(run.selection && { selection: run.selection }),
  frame: isWhole(run)
    ? bytes
    : sliceFrame(
        storedFrame(bytes),
        run.first - run.frameFirst,
        run.last - run.frameFirst,
        run.selection,
      ),
})

const isWhole = (run: Run): boolean =>
  run.selection === undefined &&
  run.first === run.frameFirst &&
  run.last === run.frameFirst + run.frameCount - 1
