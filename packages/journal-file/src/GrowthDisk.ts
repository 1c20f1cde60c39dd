/**
 * Owns: noticing how much a directory grows: bytes that go into files created here. Log segments
 * are filled when they are made, so that writing records into them later is no growth.
 * Must not know: what the files mean.
 */
import type { Disk, DiskFile } from "@skein/journal"

/** The same disk; `onGrowth` hears of bytes before they are written. */
export const growthDisk = (disk: Disk, onGrowth: (bytes: number) => void): Disk => ({
  open: async (path, how) => {
    const file = await disk.open(path, how)
    return how === "create" ? growing(file, onGrowth) : file
  },
  rename: (from, to) => disk.rename(from, to),
  unlink: (path) => disk.unlink(path),
  list: (directory) => disk.list(directory),
  makeDirectory: (directory) => disk.makeDirectory(directory),
  removeDirectory: (directory) => disk.removeDirectory(directory),
  syncDirectory: (directory) => disk.syncDirectory(directory),
  existsSync: (path) => disk.existsSync(path),
  freeBytes: (directory) => disk.freeBytes(directory),
  links: (directory) => disk.links(directory),
  unfit: (directory) => disk.unfit(directory),
})

const growing = (file: DiskFile, onGrowth: (bytes: number) => void): DiskFile => ({
  path: file.path,
  read: (position, length, into) => file.read(position, length, into),
  write: (position, parts) => {
    let bytes = 0
    for (const part of parts) bytes += part.length
    onGrowth(bytes)
    return file.write(position, parts)
  },
  sync: () => file.sync(),
  size: () => file.size(),
  truncate: (size) => file.truncate(size),
  close: () => file.close(),
})
