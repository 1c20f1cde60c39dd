/**
 * Owns: the directory of a backup: `backup.json`, which says what it is and which shards are
 * finished, and `s000.shard` and so on. A shard is written as `s000.shard.part`, synced, renamed,
 * and only then noted; the note that the backup is whole comes last. So a backup that was cut off
 * keeps the shards that it has, and its unfinished one is begun again.
 * Must not know: what is in a shard, where it comes from.
 */
import { randomBytes } from "node:crypto"
import { join, resolve } from "node:path"
import { type Disk, DiskFailed, isMissing } from "@skein/journal"
import { limits, shardName, skeinError } from "@skein/model"
import { backupDiskError, ShardFileWriter, type ShardHead, type WrittenShard } from "./shardFile.js"

export interface FinishedShard extends Omit<ShardHead, "fabricId">, WrittenShard {
  readonly file: string
}

export interface Manifest {
  readonly backupId: string
  readonly fabricId: string
  /** Of the `skein` that began it. */
  readonly version: string
  readonly shards: number
  readonly beganAt: string
  /** Absent: it is not whole yet. */
  readonly endedAt?: string
  /** By number. */
  readonly done: readonly FinishedShard[]
}

/** Which fabric is backed up. */
export interface Source {
  readonly fabricId: string
  readonly shards: number
  readonly version: string
}

const magic = "skein backup"
export const backupFormatVersion = 1
const manifestName = "backup.json"
const part = ".part"
const manifestBytesMax = 1024 * 1024

export class BackupDirectory {
  private constructor(
    readonly disk: Disk,
    readonly dir: string,
    private known: Manifest,
  ) {}

  get manifest(): Manifest {
    return this.known
  }

  /**
   * The backup of this fabric in the directory, begun now or cut off earlier. BackupInvalid: the
   * directory holds something else, a backup that is whole, or one of another fabric.
   */
  static async begin(disk: Disk, path: string, source: Source): Promise<BackupDirectory> {
    const dir = resolve(path)
    try {
      await disk.makeDirectory(dir)
      const found = await readManifest(disk, dir)
      if (found !== undefined) {
        refuseOther(dir, found, source)
        const there = new BackupDirectory(disk, dir, found)
        await there.dropParts()
        return there
      }
      const [stranger] = (await disk.list(dir)).filter((name) => name !== "lost+found")
      if (stranger !== undefined && !stranger.startsWith(`${manifestName}.`)) {
        throw skeinError("BackupInvalid", `${dir} is not empty and is no backup: ${stranger}`)
      }
      const backupId = randomBytes(16).toString("hex")
      const beganAt = new Date().toISOString()
      const begun = new BackupDirectory(disk, dir, { backupId, ...source, beganAt, done: [] })
      await begun.writeManifest(begun.known)
      return begun
    } catch (cause) {
      throw backupDiskError(cause)
    }
  }

  /** A backup that is whole, for reading. BackupInvalid when there is none. */
  static async open(disk: Disk, path: string): Promise<BackupDirectory> {
    const dir = resolve(path)
    try {
      const found = await readManifest(disk, dir)
      if (found === undefined) throw skeinError("BackupInvalid", `${dir} holds no backup`)
      if (found.endedAt === undefined) {
        const left = found.shards - found.done.length
        const detail = `${dir} holds half of a backup: ${left} of ${found.shards} shards miss`
        throw skeinError("BackupInvalid", `${detail}; the same skein backup goes on with it`)
      }
      return new BackupDirectory(disk, dir, found)
    } catch (cause) {
      throw backupDiskError(cause)
    }
  }

  isDone(shard: number): boolean {
    return this.known.done.some((each) => each.shard === shard)
  }

  path(file: string): string {
    return join(this.dir, file)
  }

  /**
   * Writes a shard by `fill` and notes it when it is durable. A failure leaves the backup as it was
   * before.
   */
  async addShard(
    head: Omit<ShardHead, "fabricId">,
    fill: (writer: ShardFileWriter) => Promise<void>,
  ): Promise<FinishedShard> {
    const file = `${shardName(head.shard)}.shard`
    const made = this.path(`${file}${part}`)
    try {
      await this.disk.unlink(made).catch(ignoreMissing)
      const full = { ...head, fabricId: this.known.fabricId }
      const writer = await ShardFileWriter.create(this.disk, made, full)
      let written: WrittenShard
      try {
        await fill(writer)
        written = await writer.finish()
      } catch (cause) {
        await writer.abandon().catch(() => {})
        await this.disk.unlink(made).catch(() => {})
        throw cause
      }
      await this.disk.rename(made, this.path(file))
      await this.disk.syncDirectory(this.dir)
      const finished = { ...head, ...written, file }
      const done = [...this.known.done, finished].sort((a, b) => a.shard - b.shard)
      await this.writeManifest({ ...this.known, done })
      return finished
    } catch (cause) {
      throw backupDiskError(cause)
    }
  }

  /** Every shard is there. */
  async finish(): Promise<void> {
    try {
      await this.writeManifest({ ...this.known, endedAt: new Date().toISOString() })
    } catch (cause) {
      throw backupDiskError(cause)
    }
  }

  private async dropParts(): Promise<void> {
    for (const name of await this.disk.list(this.dir)) {
      if (/^s\d{3,4}\.shard\.part$/.test(name)) await this.disk.unlink(this.path(name))
    }
  }

  private async writeManifest(manifest: Manifest): Promise<void> {
    const made = this.path(`${manifestName}${part}`)
    await this.disk.unlink(made).catch(ignoreMissing)
    const file = await this.disk.open(made, "create")
    try {
      const json = { magic, formatVersion: backupFormatVersion, ...manifest }
      await file.write(0, [Buffer.from(`${JSON.stringify(json, undefined, 1)}\n`)])
      await file.sync()
    } finally {
      await file.close()
    }
    await this.disk.rename(made, this.path(manifestName))
    await this.disk.syncDirectory(this.dir)
    this.known = manifest
  }
}

const refuseOther = (dir: string, found: Manifest, source: Source): void => {
  if (found.fabricId !== source.fabricId) {
    const detail = `${dir} holds a backup of the fabric ${found.fabricId}`
    throw skeinError("BackupInvalid", `${detail}, this is ${source.fabricId}`)
  }
  if (found.shards !== source.shards) {
    const detail = `${dir} holds a backup of ${found.shards} shards`
    throw skeinError("BackupInvalid", `${detail}, the fabric has ${source.shards}`)
  }
  if (found.endedAt !== undefined) {
    throw skeinError("BackupInvalid", `${dir} holds a backup that is whole, of ${found.endedAt}`)
  }
}

/** `undefined`: there is none. */
const readManifest = async (disk: Disk, dir: string): Promise<Manifest | undefined> => {
  const path = join(dir, manifestName)
  let bytes: Uint8Array
  try {
    const file = await disk.open(path, "read")
    try {
      bytes = await file.read(0, manifestBytesMax)
    } finally {
      await file.close()
    }
  } catch (cause) {
    // Also where the directory itself is a file.
    if (isMissing(cause) || (cause instanceof DiskFailed && cause.errno === "ENOTDIR")) return
    throw cause
  }
  return parseManifest(path, Buffer.from(bytes).toString())
}

const parseManifest = (path: string, text: string): Manifest => {
  let found: Record<string, unknown>
  try {
    found = (JSON.parse(text) ?? {}) as Record<string, unknown>
  } catch (cause) {
    throw skeinError("BackupDamaged", `${path} cannot be read`, { file: path }, { cause })
  }
  if (found.magic !== magic) {
    throw skeinError("BackupInvalid", `${path} was not written by skein backup`)
  }
  const { formatVersion } = found
  if (formatVersion !== backupFormatVersion) {
    const wants = `format ${String(formatVersion)}, this version reads ${backupFormatVersion}`
    throw skeinError("BackupInvalid", `${path} is of ${wants}`)
  }
  const { shards, done, fabricId, backupId } = found
  const isSound =
    Number.isInteger(shards) &&
    Number(shards) >= 1 &&
    Number(shards) <= limits.shardsMax &&
    [fabricId, backupId].every((id) => typeof id === "string") &&
    Array.isArray(done) &&
    done.every((each) => isFinished(each, Number(shards)))
  if (!isSound) throw skeinError("BackupDamaged", `${path} is damaged`, { file: path })
  // Looked through field by field above: the compiler does not follow that.
  const manifest = found as unknown as Manifest
  const numbers = new Set(manifest.done.map(({ shard }) => shard))
  const isTold = manifest.endedAt === undefined || numbers.size === shards
  if (numbers.size === manifest.done.length && isTold) return manifest
  throw skeinError("BackupDamaged", `${path} does not name every shard once`, { file: path })
}

const isFinished = (value: unknown, shards: number): boolean => {
  const { shard, epoch, file, bytes, sha256 } = (value ?? {}) as Partial<FinishedShard>
  const isShard = Number.isInteger(shard) && Number(shard) >= 0 && Number(shard) < shards
  if (!isShard || file !== `${shardName(Number(shard))}.shard`) return false
  const counts = [epoch, bytes].every((count) => Number.isSafeInteger(count) && Number(count) >= 0)
  return counts && typeof sha256 === "string"
}

const ignoreMissing = (error: unknown): void => {
  if (!isMissing(error)) throw error
}
