/** Owns: opening the file journal on a simulated disk with small sizes, as most tests want it. */
import { type Disk, ManualClock, SeededRandom } from "@skein/journal"
import type { FileJournal } from "../FileJournal.js"
import { type FileJournalOptions, openFileJournal } from "../openFileJournal.js"

export const openSimulated = (
  disk: Disk,
  seed: number,
  options: Partial<FileJournalOptions> = {},
): Promise<FileJournal> =>
  openFileJournal({
    dir: "/data",
    disk,
    clock: new ManualClock(),
    random: new SeededRandom(seed),
    shards: 2,
    segmentBytes: 4096,
    uncleanedBytesMax: 64 * 1024,
    cacheBytesMax: 0,
    processRuns: () => false,
    ...options,
  })

/** Lets everything that is under way come to its end. */
export const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 2000; turn++) await Promise.resolve()
}
