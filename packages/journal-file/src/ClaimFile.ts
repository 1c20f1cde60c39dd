/**
 * Owns: the note that a claimant leaves before it takes the token: whom it takes it from. The
 * recovery walks back along these notes when an owner died before it left a seal. The note of a
 * planned move is written by the giver, and says with which record its log ends.
 */
import { crc32 } from "node:zlib"
import type { Disk } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Epoch, InstanceId } from "@skein/model"

export interface Holder {
  readonly epoch: Epoch
  readonly instance: InstanceId
}

/** The last record of a shard that was given away, durable before the note was written. */
export interface HandedEnd {
  readonly recordNumber: number
  readonly crc: number
}

export interface ClaimNote extends Holder {
  /** Of a planned move. */
  readonly end?: HandedEnd
}

/** Writes and syncs the claim; its name is durable after the directory's sync. */
export const writeClaim = async (disk: Disk, path: string, note: ClaimNote): Promise<void> => {
  const { epoch, instance, end } = note
  const tail = end === undefined ? "" : ` ${end.recordNumber} ${end.crc}`
  const text = `${epoch} ${instance}${tail}`
  const line = `${text} ${crc32(text).toString(16)}\n`
  const file = await disk.open(path, "create")
  try {
    await file.write(0, [Buffer.from(line, "latin1")])
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The predecessor that the claim names; `undefined`: no such claim, or a damaged one. */
export const readClaim = async (disk: Disk, path: string): Promise<ClaimNote | undefined> => {
  let line: string
  try {
    const file = await disk.open(path, "read")
    try {
      line = Buffer.from(await file.read(0, 256)).toString("latin1")
    } finally {
      await file.close()
    }
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
  const words = line.trimEnd().split(" ")
  const crc = words.pop()
  const [epoch, instance, recordNumber, recordCrc] = words
  if (instance === undefined || crc32(words.join(" ")).toString(16) !== crc) return undefined
  const holder = { epoch: Number(epoch), instance }
  if (recordCrc === undefined) return holder
  return { ...holder, end: { recordNumber: Number(recordNumber), crc: Number(recordCrc) } }
}
