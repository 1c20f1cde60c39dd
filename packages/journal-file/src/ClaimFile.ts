/**
 * Owns: the note that a claimant leaves before it takes the token: whom it takes it from. The
 * recovery walks back along these notes when an owner died before it left a seal.
 */
import { crc32 } from "node:zlib"
import type { Disk } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Epoch, InstanceId } from "@skein/model"

export interface Holder {
  readonly epoch: Epoch
  readonly instance: InstanceId
}

/** Writes and syncs the claim; its name is durable after the directory's sync. */
export const writeClaim = async (disk: Disk, path: string, predecessor: Holder): Promise<void> => {
  const text = `${predecessor.epoch} ${predecessor.instance}`
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
export const readClaim = async (disk: Disk, path: string): Promise<Holder | undefined> => {
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
  const [epoch, instance, crc] = line.trimEnd().split(" ")
  const intact = crc !== undefined && crc32(`${epoch} ${instance}`).toString(16) === crc
  return intact ? { epoch: Number(epoch), instance } : undefined
}
