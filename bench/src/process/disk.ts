/** What kind of file system a directory lies on. */
import { statfsSync } from "node:fs"

/** Magic numbers of Linux's tmpfs and ramfs. */
const memoryTypes = [0x01021994, 0x858458f6]

/** A sync to memory costs nothing, so rates there say nothing about durable queues. */
export const isMemoryDisk = (dir: string): boolean => {
  try {
    return memoryTypes.includes(statfsSync(dir).type)
  } catch {
    return false
  }
}
