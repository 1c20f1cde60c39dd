/** A local disk that is full after so many bytes, until a test makes room. */
import type { Disk } from "@skein/journal"
import { fileDisk } from "@skein/journal-file"
import { skeinError } from "@skein/model"

export const fullDisk = (bytesMax: number): { readonly disk: Disk; room: number } => {
  const inner = fileDisk()
  const limited = { disk: inner, room: bytesMax }
  const disk: Disk = {
    ...inner,
    open: async (path, how) => {
      const file = await inner.open(path, how)
      return Object.assign(Object.create(file), {
        path,
        write: async (position: number, parts: readonly Uint8Array[]) => {
          for (const { length } of parts) limited.room -= length
          if (limited.room < 0) throw skeinError("DiskFull", `write ${path}: ENOSPC`)
          return file.write(position, parts)
        },
      })
    },
  }
  limited.disk = disk
  return limited
}
