/**
 * Owns: a disk as one process sees it that stands still at a step of a commit or a takeover, and
 * whose looks at owner tokens a test may falsify, as a build would that has its steps in another
 * order. What other processes do goes on meanwhile.
 */
import type { Disk, DiskFile } from "@skein/journal"

/** Around the write and the sync of a batch of the log. */
export type Standing = "written" | "synced" | "unwritten"

/** How a build may be wrong about tokens; what is absent is right. */
export interface FalseLooks {
  /** Its log is about to be written. */
  readonly onWrite?: () => void
  readonly existsSync?: (path: string) => boolean
  readonly rename?: Disk["rename"]
}

export class StandingDisk {
  readonly disk: Disk
  #at: Standing | undefined
  #stands: () => void = () => {}
  #goOn: Promise<void> = Promise.resolve()

  constructor(disk: Disk, build: (disk: Disk) => FalseLooks = () => ({})) {
    const looks = build(disk)
    const open: Disk["open"] = async (path, how) => {
      const file = await disk.open(path, how)
      return path.includes("/logs/") ? this.#standing(file, looks) : file
    }
    this.disk = {
      open,
      rename: looks.rename ?? ((from, to) => disk.rename(from, to)),
      unlink: (path) => disk.unlink(path),
      list: (directory) => disk.list(directory),
      links: (directory) => disk.links(directory),
      makeDirectory: (directory) => disk.makeDirectory(directory),
      removeDirectory: (directory) => disk.removeDirectory(directory),
      syncDirectory: (directory) => disk.syncDirectory(directory),
      existsSync: looks.existsSync ?? ((path) => disk.existsSync(path)),
      freeBytes: (directory) => disk.freeBytes(directory),
      unfit: (directory) => disk.unfit(directory),
    }
  }

  /** At the next such step it stands; answers when it does, and what lets it go on. */
  standAt(step: Standing): { readonly stood: Promise<void>; readonly goOn: () => void } {
    let goOn = (): void => {}
    this.#at = step
    this.#goOn = new Promise((resolve) => {
      goOn = resolve
    })
    const stood = new Promise<void>((resolve) => {
      this.#stands = resolve
    })
    return { stood, goOn }
  }

  #standing(file: DiskFile, { onWrite }: FalseLooks): DiskFile {
    return {
      path: file.path,
      read: (position, length, into) => file.read(position, length, into),
      write: async (position, parts) => {
        onWrite?.()
        await this.#step("unwritten")
        await file.write(position, parts)
        await this.#step("written")
      },
      sync: async () => {
        await file.sync()
        await this.#step("synced")
      },
      size: () => file.size(),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    }
  }

  async #step(step: Standing): Promise<void> {
    if (this.#at !== step) return
    this.#at = undefined
    this.#stands()
    await this.#goOn
  }
}
