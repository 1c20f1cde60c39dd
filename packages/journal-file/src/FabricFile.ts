/**
 * Owns: `fabric.json`: that a directory is a fabric's, which one, how many shards it has and in
 * which format it is written. A directory that holds anything else is refused, not taken over.
 */
import type { Disk } from "@skein/journal"
import { DiskFailed, isMissing } from "@skein/journal"
import type { Epoch, FabricId, InstanceId, SkeinError } from "@skein/model"
import { isHex128, isSkeinError, limits, skeinError } from "@skein/model"
import { createShardDirectory } from "./FileOwnership.js"
import { formatVersion, type Paths, unfinished } from "./Layout.js"
import { makeDirectoryWith } from "./TokenDirectory.js"

const magic = "skein fabric"

export interface Fabric {
  readonly fabricId: FabricId
  readonly shards: number
}

/** What may lie in a directory without fabric.json: an attempt that was cut off. */
const ours = new Set(["alive", "genesis", "logs", "manager", "restoring.json", "shards", "table"])

/** The fabric in the directory; `undefined`: the directory is empty or missing. */
export const readFabric = async (disk: Disk, paths: Paths): Promise<Fabric | undefined> => {
  await refuseLinks(disk, paths)
  let bytes: Uint8Array
  try {
    const file = await disk.open(paths.fabric, "read")
    try {
      bytes = await file.read(0, 4096)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (!isMissing(error)) throw unusable(paths.dir, error)
    try {
      await refuseForeign(disk, paths)
      return undefined
    } catch (foreign) {
      // Another process has finished the fabric between the two looks.
      if (disk.existsSync(paths.fabric)) return readFabric(disk, paths)
      throw foreign
    }
  }
  return parseFabric(paths, Buffer.from(bytes).toString())
}

/**
 * Makes the shards' directories and then fabric.json: with it the fabric exists. Of several that do
 * this at once one decides what the fabric is, and all end with that. A shard's first owner gets
 * an epoch above `epochs[shard]`; default: 0.
 */
export const createFabric = async (
  disk: Disk,
  paths: Paths,
  instance: InstanceId,
  wanted: Fabric,
  epochs: readonly Epoch[] = [],
): Promise<Fabric> => {
  try {
    const fabric = await decideFabric(disk, paths, instance, wanted)
    await disk.makeDirectory(paths.shards)
    for (let shard = 0; shard < fabric.shards; shard++) {
      await createShardDirectory(disk, paths, instance, shard, epochs[shard])
    }
    await disk.syncDirectory(paths.shards)
    const temporary = `${paths.fabric}.${instance}${unfinished}`
    const file = await disk.open(temporary, "create")
    try {
      const json = { magic, formatVersion, fabricId: fabric.fabricId, shards: fabric.shards }
      await file.write(0, [Buffer.from(`${JSON.stringify(json, undefined, 2)}\n`)])
      await file.sync()
    } finally {
      await file.close()
    }
    await disk.rename(temporary, paths.fabric)
    await disk.syncDirectory(paths.dir)
    return fabric
  } catch (error) {
    throw unusable(paths.dir, error)
  }
}

/**
 * Takes back the fabric that this process alone has begun to make in the directory, which then is
 * as it was.
 * `isNew`: the directory was not there before.
 */
export const undoFabric = async (disk: Disk, paths: Paths, isNew: boolean): Promise<void> => {
  // Without it there is no fabric, whatever is left after a crash.
  for (const name of await disk.list(paths.dir)) {
    if (isUnfinishedFabric(name)) await removeTree(disk, `${paths.dir}/${name}`)
  }
  if (disk.existsSync(paths.fabric)) await disk.unlink(paths.fabric)
  for (const name of await disk.list(paths.dir)) {
    if (ours.has(name)) await removeTree(disk, `${paths.dir}/${name}`)
  }
  if (isNew) await disk.removeDirectory(paths.dir)
}

const removeTree = async (disk: Disk, path: string): Promise<void> => {
  const names = await disk.list(path).catch(() => undefined)
  if (names === undefined) return disk.unlink(path)
  for (const name of names) await removeTree(disk, `${path}/${name}`)
  await disk.removeDirectory(path)
}

/** The first to name a directory `genesis` decides: the file in it says what the fabric is. */
const decideFabric = async (
  disk: Disk,
  paths: Paths,
  instance: InstanceId,
  { fabricId, shards }: Fabric,
): Promise<Fabric> => {
  await makeDirectoryWith(disk, paths.genesis, instance, `${fabricId}.${shards}`)
  await disk.syncDirectory(paths.dir)
  const [decided, more] = await disk.list(paths.genesis)
  const [id, count] = (decided ?? "").split(".")
  if (more === undefined && isHex128(id) && Number(count) >= 1) {
    return { fabricId: id, shards: Number(count) }
  }
  throw skeinError("DirectoryForeign", `${paths.genesis} was not written by Skein`)
}

/** A local directory that can be written, or DirectoryUnusable with the reason. */
export const makeUsable = async (disk: Disk, paths: Paths): Promise<void> => {
  let unfit: string | undefined
  try {
    await disk.makeDirectory(paths.dir)
    unfit = await disk.unfit(paths.dir)
  } catch (error) {
    throw unusable(paths.dir, error)
  }
  if (unfit !== undefined) throw skeinError("DirectoryUnusable", `${paths.dir}: ${unfit}`)
}

export const unusable = (dir: string, error: unknown): SkeinError => {
  if (isSkeinError(error)) return error
  if (error instanceof DiskFailed) {
    const what = `${error.operation} ${error.path}: ${error.errno}`
    return skeinError("DirectoryUnusable", what, { errno: error.errno }, { cause: error })
  }
  return skeinError("DirectoryUnusable", `${dir}: ${String(error)}`, {}, { cause: error })
}

/**
 * A link in the place of one of the directory's own directories leads to another one's files, which
 * would be read as this one's, and deleted.
 */
const refuseLinks = async (disk: Disk, paths: Paths): Promise<void> => {
  for (const directory of [paths.dir, paths.logs, paths.shards]) {
    const links = await disk.links(directory).catch((error: unknown) => {
      if (isMissing(error)) return []
      throw unusable(paths.dir, error)
    })
    const link = links.find((name) => directory !== paths.dir || ours.has(name))
    if (link === undefined) continue
    const detail = `${directory}/${link} is a symbolic link: a fabric's files lie in its directory`
    throw skeinError("DirectoryForeign", detail)
  }
}

/** Logs are made after `fabric.json`: without it they are all that is left of a fabric. */
const refuseHeadless = async (disk: Disk, paths: Paths): Promise<void> => {
  const logs = await disk.list(paths.logs).catch((error: unknown) => {
    if (isMissing(error)) return []
    throw unusable(paths.dir, error)
  })
  if (logs.length === 0) return
  const detail = `${paths.dir} holds the logs of a fabric whose fabric.json is missing: put it back`
  throw skeinError("DirectoryForeign", detail)
}

const refuseForeign = async (disk: Disk, paths: Paths): Promise<void> => {
  let names: readonly string[]
  try {
    names = await disk.list(paths.dir)
  } catch (error) {
    if (isMissing(error)) return
    throw unusable(paths.dir, error)
  }
  const foreign = names.find((name) => !ours.has(name) && !isUnfinishedFabric(name))
  if (foreign === undefined || foreign === "lost+found") return refuseHeadless(disk, paths)
  const detail = `${paths.dir} is not empty and is no fabric: it holds ${JSON.stringify(foreign)}`
  throw skeinError("DirectoryForeign", detail)
}

const isUnfinishedFabric = (name: string): boolean =>
  /^(fabric\.json|genesis|manager|restoring\.json|table)\./.test(name) && name.endsWith(unfinished)

const parseFabric = (paths: Paths, text: string): Fabric => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw skeinError("DirectoryForeign", `${paths.fabric} is not readable`, {}, { cause })
  }
  const found = (json ?? {}) as Record<string, unknown>
  if (found.magic !== magic) {
    throw skeinError("DirectoryForeign", `${paths.fabric} was not written by Skein`)
  }
  if (found.formatVersion !== formatVersion) {
    const wants = `format ${String(found.formatVersion)}, this version reads ${formatVersion}`
    throw skeinError("DirectoryForeign", `${paths.fabric} is of ${wants}`)
  }
  const { fabricId, shards } = found
  const whole = Number.isInteger(shards) && Number(shards) >= 1
  if (typeof fabricId !== "string" || !isHex128(fabricId) || !whole) {
    throw skeinError("DirectoryForeign", `${paths.fabric} is damaged`)
  }
  if (Number(shards) > limits.shardsMax) {
    throw skeinError("DirectoryForeign", `${paths.fabric} names ${String(shards)} shards`)
  }
  return { fabricId, shards: Number(shards) }
}
