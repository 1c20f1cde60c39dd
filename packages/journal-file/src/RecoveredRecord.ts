/** Owns: a record of a shard's history, with the places of its frames by the shard's table. */
import type { Location } from "@skein/journal"
import { type FileTable, noteFrame } from "./FileTable.js"
import type { HistoryRecord } from "./History.js"
import { locationOf } from "./Location.js"

/** A record with its frames' locations. */
export interface RecoveredRecord {
  readonly from: HistoryRecord
  readonly locations: readonly Location[]
}

/** A record that stays where it is, in the log of a former owner. */
export const placeRecord = (from: HistoryRecord, table: FileTable): RecoveredRecord => {
  const { record, instance } = from
  const { number, bytes } = record.segment
  const entry = table.add({ kind: "log", instance, number, bytes, epoch: 0 }, false)
  for (const frame of record.frames) noteFrame(entry, frame.bytes)
  const locations = record.frames.map((frame) => locationOf(entry.id, frame.offset))
  return { from, locations }
}
