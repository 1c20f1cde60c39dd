/**
 * Owns: watching a Disk: which written bytes have been covered by a sync that began after the write
 * had ended. With it a test asserts at the moment of a reply that nothing left too early.
 * It keeps copies of what was written until the file is closed: for tests only.
 */
import type { Disk, DiskFile } from "./Disk.js"

export interface RecordedWrite {
  readonly path: string
  readonly position: number
  readonly content: Buffer
  ended: boolean
  durable: boolean
}

export class DiskRecorder {
  readonly writes: RecordedWrite[] = []
  /** Every operation in order of its beginning, as `write /path`, `sync /path`, … */
  readonly operations: string[] = []
  readonly disk: Disk

  constructor(readonly inner: Disk) {
    this.disk = {
      ...inner,
      open: async (path, how) => {
        this.operations.push(`open ${path}`)
        return this.#watch(await inner.open(path, how))
      },
      rename: (from, to) => {
        this.operations.push(`rename ${from}`)
        return inner.rename(from, to)
      },
      unlink: (path) => {
        this.operations.push(`unlink ${path}`)
        return inner.unlink(path)
      },
      list: (directory) => inner.list(directory),
      makeDirectory: (directory) => inner.makeDirectory(directory),
      removeDirectory: (directory) => inner.removeDirectory(directory),
      syncDirectory: (directory) => {
        this.operations.push(`syncDirectory ${directory}`)
        return inner.syncDirectory(directory)
      },
      existsSync: (path) => inner.existsSync(path),
      freeBytes: (directory) => inner.freeBytes(directory),
      links: (directory) => inner.links(directory),
      unfit: (directory) => inner.unfit(directory),
    }
  }

  /** Whether bytes that contain `marker` were written and a sync has covered them since. */
  isDurable(marker: Uint8Array | string): boolean {
    const wanted = Buffer.from(marker as string)
    return this.writes.some((write) => write.durable && write.content.includes(wanted))
  }

  /** Forgets what is durable, to stay small. */
  forgetDurable(): void {
    const kept = this.writes.filter((write) => !write.durable)
    this.writes.splice(0, this.writes.length, ...kept)
  }

  #watch(file: DiskFile): DiskFile {
    const own: RecordedWrite[] = []
    return {
      path: file.path,
      read: (position, length, into) => file.read(position, length, into),
      write: async (position, parts) => {
        this.operations.push(`write ${file.path}`)
        const content = Buffer.concat(parts)
        const write = { path: file.path, position, content, ended: false, durable: false }
        this.writes.push(write)
        own.push(write)
        await file.write(position, parts)
        write.ended = true
      },
      sync: async () => {
        this.operations.push(`sync ${file.path}`)
        const covered = own.filter((write) => write.ended)
        await file.sync()
        this.operations.push(`synced ${file.path}`)
        for (const write of covered) write.durable = true
      },
      size: () => file.size(),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    }
  }
}

/** A mutant: a disk whose sync does nothing. Proofs about durability must fail with it. */
export const lyingDisk = (disk: Disk): Disk => ({
  ...disk,
  open: async (path, how) => {
    const file = await disk.open(path, how)
    return { ...file, path: file.path, sync: async () => {} }
  },
})
