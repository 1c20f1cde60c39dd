/**
 * Owns: the stored shard table as files. An empty token `current.<version>.<instance>` says which
 * content `table.<version>.<instance>` counts; a replacement is one rename of the token, so of many
 * one wins, and a stopped process holds nobody up.
 * Order: the content is durable, then the token's rename, then the directory's sync. What lost or
 * is superseded is deleted; nobody can win with it any more.
 */
import { crc32 } from "node:zlib"
import type { Disk, StoredTable, TableStore } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Clock, InstanceId } from "@skein/model"
import { skeinError } from "@skein/model"
import { genesis, type Paths } from "./Layout.js"
import { renameToken } from "./TokenDirectory.js"
import { Turns } from "./Turns.js"

/** How often a process looks whether the token is still the one that it knows: one stat. */
const lookEveryMs = 40

/** The token before anybody has written a table. */
export const firstTableToken = `current.0.${genesis}`

interface TableFile {
  readonly kind: "current" | "table"
  readonly version: number
  readonly name: string
}

export class FileTableStore implements TableStore {
  readonly #turns = new Turns()
  readonly #listeners = new Set<() => void>()
  /** The token as it was seen last; `undefined`: look into the directory. */
  #known: string | undefined
  #stop: () => void = () => {}
  #watching = false

  constructor(
    readonly disk: Disk,
    readonly paths: Paths,
    readonly clock: Clock,
    readonly instance: InstanceId,
  ) {}

  readonly read = async (): Promise<StoredTable | undefined> => {
    for (let attempt = 0; ; attempt++) {
      const token = await this.#token()
      this.#note(token)
      if (token.version === 0) return undefined
      try {
        return { version: token.version, bytes: await this.#content(token.name) }
      } catch (error) {
        // Superseded and deleted meanwhile.
        if (!isMissing(error) || attempt === 8) throw error
      }
    }
  }

  readonly replace = (after: number, bytes: Uint8Array): Promise<boolean> =>
    this.#turns.run(async () => {
      const token = await this.#token()
      if (token.version !== after) return false
      const name = `${after + 1}.${this.instance}`
      const content = `${this.paths.table}/table.${name}`
      await this.#write(content, bytes)
      if (!(await renameToken(this.disk, this.paths.table, token.name, `current.${name}`))) {
        await this.disk.unlink(content)
        return false
      }
      await this.#sweep(after + 1)
      return true
    })

  readonly onChange = (listener: () => void): (() => void) => {
    const own = () => listener()
    this.#listeners.add(own)
    if (!this.#watching) this.#arm()
    return () => {
      this.#listeners.delete(own)
    }
  }

  close(): void {
    this.#listeners.clear()
    this.#stop()
  }

  #arm(): void {
    this.#watching = this.#listeners.size > 0
    if (this.#watching) this.#stop = this.clock.setTimer(lookEveryMs, () => this.#look())
  }

  #look(): void {
    if (this.#known !== undefined && this.#isThere(this.#known)) return this.#arm()
    this.#token()
      .then((token) => this.#note(token))
      // A disk that fails shows elsewhere: here it is looked at again.
      .catch(() => {})
      .then(() => this.#arm())
  }

  /** Whoever listens before anybody has looked hears of the table that is there. */
  #note({ name, version }: TableFile): void {
    const changed = this.#known === undefined ? version > 0 : this.#known !== name
    this.#known = name
    if (changed) for (const listener of [...this.#listeners]) listener()
  }

  #isThere(name: string): boolean {
    try {
      return this.disk.existsSync(`${this.paths.table}/${name}`)
    } catch {
      return false
    }
  }

  async #token(): Promise<TableFile> {
    for (let attempt = 0; attempt < 8; attempt++) {
      const tokens = (await this.#files()).filter(({ kind }) => kind === "current")
      const newest = tokens.sort((a, b) => b.version - a.version)[0]
      if (newest !== undefined) return newest
    }
    throw this.#damaged("holds no token of a table")
  }

  async #files(): Promise<TableFile[]> {
    const files: TableFile[] = []
    for (const name of await this.disk.list(this.paths.table)) {
      const [kind, version, instance] = name.split(".")
      if ((kind !== "current" && kind !== "table") || instance === undefined) continue
      files.push({ kind, version: Number(version), name })
    }
    return files
  }

  async #content(token: string): Promise<Uint8Array> {
    const path = `${this.paths.table}/${token.replace("current.", "table.")}`
    const file = await this.disk.open(path, "read")
    try {
      const all = Buffer.from(await file.read(0, await file.size()))
      const bytes = all.subarray(4)
      if (all.length >= 4 && crc32(bytes) === all.readUInt32LE(0)) return Uint8Array.from(bytes)
      throw this.#damaged(`${path} is damaged`)
    } finally {
      await file.close()
    }
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    // A former attempt of this process that failed half-way.
    if (this.disk.existsSync(path)) await this.disk.unlink(path)
    const file = await this.disk.open(path, "create")
    try {
      const crc = Buffer.alloc(4)
      crc.writeUInt32LE(crc32(bytes), 0)
      await file.write(0, [crc, bytes])
      await file.sync()
    } finally {
      await file.close()
    }
    await this.disk.syncDirectory(this.paths.table)
  }

  async #sweep(version: number): Promise<void> {
    for (const file of await this.#files()) {
      if (file.kind !== "table" || file.version >= version) continue
      await this.disk.unlink(`${this.paths.table}/${file.name}`).catch((error: unknown) => {
        if (!isMissing(error)) throw error
      })
    }
  }

  #damaged(what: string) {
    return skeinError("DirectoryUnusable", `${this.paths.table}: ${what}`)
  }
}
