/**
 * Owns: `restoring.json`: while it is there, the directory holds half of a backup, and no journal
 * opens it but that of the restore. It is durable before the first byte of the fabric is, and goes
 * after the last one.
 * Must not know: what is restored; the text in it is the restore's own.
 */
import { resolve } from "node:path"
import { type Disk, isMissing } from "@skein/journal"
import { isSkeinError, skeinError } from "@skein/model"
import { makeUsable, readFabric, unusable } from "./FabricFile.js"
import { type Paths, paths as pathsOf, unfinished } from "./Layout.js"

const bytesMax = 1024 * 1024

/** Nobody serves half a backup. */
export const refuseUnfinishedRestore = (disk: Disk, paths: Paths): void => {
  if (!disk.existsSync(paths.restoring)) return
  const detail = `${paths.dir} holds half of a backup: its restore was cut off, or is under way`
  throw skeinError("RestoreUnfinished", detail)
}

/** Every call rejects with a SkeinError: DirectoryUnusable or DiskFull beside what it says. */
export class RestoreMark {
  readonly #paths: Paths

  constructor(
    private readonly disk: Disk,
    dir: string,
  ) {
    this.#paths = pathsOf(resolve(dir))
  }

  /**
   * The mark of a restore that was cut off; `undefined`: the directory is empty or missing.
   * FabricNotEmpty: a fabric is in it. DirectoryForeign: something else is.
   */
  async read(): Promise<string | undefined> {
    const { dir, restoring } = this.#paths
    try {
      await makeUsable(this.disk, this.#paths)
      const text = await this.#text()
      if (text !== undefined) return text
      const fabric = await readFabric(this.disk, this.#paths)
      const names = fabric === undefined ? await this.disk.list(dir) : []
      // Without fabric.json there may be an attempt to create a fabric that was cut off.
      const started = names.find((name) => name !== "lost+found" && !this.#isOwn(name))
      if (fabric === undefined && started === undefined) return undefined
      const what = fabric === undefined ? `holds ${started}` : `holds the fabric ${fabric.fabricId}`
      throw skeinError("FabricNotEmpty", `${dir} ${what}`)
    } catch (error) {
      throw isSkeinError(error) ? error : unusable(restoring, error)
    }
  }

  /** Durable when it resolves. */
  async write(text: string): Promise<void> {
    const { dir, restoring } = this.#paths
    const made = `${restoring}.new${unfinished}`
    try {
      await this.disk.unlink(made).catch(ignoreMissing)
      const file = await this.disk.open(made, "create")
      try {
        await file.write(0, [Buffer.from(text)])
        await file.sync()
      } finally {
        await file.close()
      }
      await this.disk.rename(made, restoring)
      await this.disk.syncDirectory(dir)
    } catch (error) {
      throw unusable(dir, error)
    }
  }

  /** The fabric is whole: nodes may open it. */
  async remove(): Promise<void> {
    const { dir, restoring } = this.#paths
    try {
      await this.disk.unlink(restoring).catch(ignoreMissing)
      await this.disk.syncDirectory(dir)
    } catch (error) {
      throw unusable(dir, error)
    }
  }

  async #text(): Promise<string | undefined> {
    try {
      const file = await this.disk.open(this.#paths.restoring, "read")
      try {
        return Buffer.from(await file.read(0, bytesMax)).toString()
      } finally {
        await file.close()
      }
    } catch (error) {
      ignoreMissing(error)
      return undefined
    }
  }

  #isOwn(name: string): boolean {
    return name.startsWith("restoring.json.") && name.endsWith(unfinished)
  }
}

const ignoreMissing = (error: unknown): void => {
  if (!isMissing(error)) throw error
}
