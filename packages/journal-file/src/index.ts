export {
  type DumpEntry,
  digestDirectory,
  dumpDirectory,
  type ShardDigest,
} from "./digestDirectory.js"
export { fileDisk } from "./FileDisk.js"
export { FileJournal } from "./FileJournal.js"
export { type FileJournalOptions, openFileJournal } from "./openFileJournal.js"
export { RestoreMark } from "./RestoreMark.js"
export type { ReadRecord, ReadShard } from "./ShardReading.js"
export {
  type Verified,
  type VerifiedLog,
  type VerifiedShard,
  verifyDirectory,
} from "./verifyDirectory.js"
