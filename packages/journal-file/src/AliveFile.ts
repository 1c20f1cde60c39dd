/**
 * Owns: the sign of life of one process in a directory: a file whose counter it rewrites, and the
 * look of another process at it. Silence is a reason to try, never a right: tokens decide.
 * Shutdown: last of all, after the log is closed.
 */
import type { Disk, DiskFile, NodeNote } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Clock, InstanceId } from "@skein/model"
import { limits } from "@skein/model"
import type { Paths } from "./Layout.js"
import type { ProcessMark } from "./ProcessMark.js"

/** What a process says of itself. `starting` until it has looked for others. */
export interface AliveNote extends NodeNote, ProcessMark {
  /** Other processes may use the directory too. */
  readonly shared: boolean
}

const fileBytes = 1024

export class AliveFile {
  #counter = 0
  #stop: () => void = () => {}
  #writing: Promise<void> = Promise.resolve()
  #closed = false

  private constructor(
    readonly disk: Disk,
    readonly clock: Clock,
    private file: DiskFile,
    public note: AliveNote,
  ) {}

  static async create(disk: Disk, paths: Paths, clock: Clock, note: AliveNote): Promise<AliveFile> {
    await disk.makeDirectory(paths.alive)
    const file = await disk.open(paths.aliveFile(note.instance), "create")
    const alive = new AliveFile(disk, clock, file, note)
    await alive.#write()
    await disk.syncDirectory(paths.alive)
    alive.#arm()
    return alive
  }

  /** Says something new at once. */
  async update(change: Partial<AliveNote>): Promise<void> {
    this.note = { ...this.note, ...change }
    await this.#write()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#stop()
    await this.#writing
    await this.file.close()
    await this.disk.unlink(this.file.path).catch((error: unknown) => {
      if (!isMissing(error)) throw error
    })
  }

  #arm(): void {
    if (this.#closed) return
    this.#stop = this.clock.setTimer(limits.aliveEveryMs, () => {
      // A sign of life that cannot be written is silence: others will see that by themselves.
      void this.#write().then(
        () => this.#arm(),
        () => this.#arm(),
      )
    })
  }

  #write(): Promise<void> {
    const text = JSON.stringify({ ...this.note, counter: ++this.#counter })
    const bytes = Buffer.alloc(fileBytes, " ")
    bytes.write(`${text}\n`)
    const write = this.#writing.then(async () => {
      if (!this.disk.existsSync(this.file.path)) await this.#makeAgain()
      await this.file.write(0, [bytes])
    })
    this.#writing = write.catch(() => {})
    return write
  }

  /** Somebody has taken the file away: without it this process counts as dead. */
  async #makeAgain(): Promise<void> {
    const gone = this.file
    this.file = await this.disk.open(gone.path, "create")
    await gone.close()
  }
}

/** The raw content of another's file, for comparing, and what it says if it can be read. */
export interface AliveLook {
  readonly raw: string
  readonly note?: AliveNote
}

/** `undefined`: the process has taken its file away. */
export const lookAtAlive = async (
  disk: Disk,
  paths: Paths,
  instance: InstanceId,
): Promise<AliveLook | undefined> => {
  const file = await openAlive(disk, paths, instance)
  try {
    return file && (await readAlive(file))
  } finally {
    await file?.close()
  }
}

/** Another's file, for looking at it many times. `undefined`: there is none. */
export const openAlive = async (
  disk: Disk,
  paths: Paths,
  instance: InstanceId,
): Promise<DiskFile | undefined> => {
  try {
    return await disk.open(paths.aliveFile(instance), "read")
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

export const readAlive = async (file: DiskFile): Promise<AliveLook> => {
  const raw = Buffer.from(await file.read(0, fileBytes)).toString()
  const note = parseNote(raw)
  return note === undefined ? { raw } : { raw, note }
}

const parseNote = (raw: string): AliveNote | undefined => {
  try {
    const json = JSON.parse(raw) as AliveNote | null
    return json !== null && typeof json.pid === "number" ? json : undefined
  } catch {
    return undefined
  }
}
