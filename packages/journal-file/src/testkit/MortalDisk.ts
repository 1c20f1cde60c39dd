/** Owns: a disk as one process sees it that can be killed alone, at an operation chosen before. */
import { type Disk, DiskFailed, type DiskFile } from "@skein/journal"

export class MortalDisk {
  readonly disk: Disk
  #left = Number.POSITIVE_INFINITY
  #dead = false

  constructor(disk: Disk) {
    const mortal =
      <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        this.#step()
        return work(...args)
      }
    const open: Disk["open"] = async (path, how): Promise<DiskFile> => {
      const file = await disk.open(path, how)
      return {
        path,
        read: mortal(file.read),
        write: mortal(file.write),
        sync: mortal(file.sync),
        size: mortal(file.size),
        truncate: mortal(file.truncate),
        close: file.close,
      }
    }
    this.disk = {
      open: mortal(open),
      rename: mortal(disk.rename),
      unlink: mortal(disk.unlink),
      list: mortal(disk.list),
      makeDirectory: mortal(disk.makeDirectory),
      removeDirectory: mortal(disk.removeDirectory),
      syncDirectory: mortal(disk.syncDirectory),
      existsSync: (path) => {
        this.#step()
        return disk.existsSync(path)
      },
      freeBytes: mortal(disk.freeBytes),
      links: mortal(disk.links),
      unfit: mortal(disk.unfit),
    }
  }

  get dead(): boolean {
    return this.#dead
  }

  /** Dies before the operation that comes after so many. */
  dieAfter(operations: number): void {
    this.#left = operations
  }

  #step(): void {
    this.#dead ||= this.#left-- <= 0
    if (this.#dead) throw new DiskFailed("use", "disk", "EBADF")
  }
}
