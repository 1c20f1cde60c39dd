/**
 * Owns: open files for reading frames: a few stay open, each as long as somebody reads it.
 */
import type { Disk, DiskFile } from "@skein/journal"

interface Handle {
  readonly file: Promise<DiskFile>
  users: number
  closing: boolean
}

const handlesMax = 64

export class FileHandles {
  readonly #handles = new Map<string, Handle>()

  constructor(readonly disk: Disk) {}

  /** Runs `read` with the file, which stays open at least so long. */
  async use<A>(path: string, read: (file: DiskFile) => Promise<A>): Promise<A> {
    const handle = this.#take(path)
    handle.users++
    try {
      return await read(await handle.file)
    } catch (error) {
      this.forget(path)
      throw error
    } finally {
      handle.users--
      await this.#closeIfIdle(handle)
    }
  }

  /** The file goes away, or is not to be read any more. */
  forget(path: string): void {
    const handle = this.#handles.get(path)
    if (handle === undefined) return
    this.#handles.delete(path)
    handle.closing = true
    void this.#closeIfIdle(handle)
  }

  async close(): Promise<void> {
    const handles = [...this.#handles.values()]
    this.#handles.clear()
    for (const handle of handles) {
      handle.closing = true
      await this.#closeIfIdle(handle)
    }
  }

  #take(path: string): Handle {
    const known = this.#handles.get(path)
    if (known !== undefined) {
      this.#handles.delete(path)
      this.#handles.set(path, known)
      return known
    }
    const handle: Handle = { file: this.disk.open(path, "read"), users: 0, closing: false }
    handle.file.catch(() => {})
    this.#handles.set(path, handle)
    if (this.#handles.size > handlesMax) {
      for (const oldest of this.#handles.keys()) {
        this.forget(oldest)
        break
      }
    }
    return handle
  }

  async #closeIfIdle(handle: Handle): Promise<void> {
    if (!handle.closing || handle.users > 0) return
    handle.users = Number.POSITIVE_INFINITY
    const file = await handle.file.catch(() => undefined)
    await file?.close().catch(() => {})
  }
}
