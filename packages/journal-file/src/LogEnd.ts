/**
 * Owns: telling whether a log has changed since its end was searched, without searching again: that
 * costs up to two whole segments. Its last batch (another may be written in its place when it could
 * not be synced), what follows it, and how the next segment begins are all that can change.
 */
import { crc32 } from "node:zlib"
import type { Disk } from "@skein/journal"
import type { InstanceId } from "@skein/model"
import { announcedBatchBytes, batchHeaderBytes } from "./BatchCodec.js"
import type { LogSegmentName, Paths } from "./Layout.js"

/** A place in a log. */
export interface LogPlace {
  readonly number: number
  readonly offset: number
}

/** What is at the places now, with the batch that begins at each: changes when the log does. */
export const logEnd = async (
  disk: Disk,
  paths: Paths,
  instance: InstanceId,
  names: readonly LogSegmentName[],
  places: readonly LogPlace[],
): Promise<string> => {
  const parts: (string | number)[] = [names.map((name) => name.name).join()]
  for (const { number, offset } of places) {
    parts.push(number, offset)
    const name = names.find((one) => one.number === number)
    if (name === undefined) continue
    const file = await disk.open(paths.logSegment(instance, number, name.bytes), "read")
    try {
      const first = Buffer.from(await file.read(offset, batchHeaderBytes))
      const begun = announcedBatchBytes(first, offset, name.bytes - offset)
      // A batch that is being written changes up to its end.
      const bytes = begun === 0 ? first : await file.read(offset, begun)
      parts.push(await file.size(), crc32(bytes))
    } finally {
      await file.close()
    }
  }
  return parts.join()
}
