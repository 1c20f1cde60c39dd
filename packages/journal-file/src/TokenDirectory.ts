/**
 * Owns: a directory with one empty file `owner.<epoch>.<instance>`: whoever renames it to its own
 * name holds what the directory stands for, a shard or the manager's office.
 */
import type { Disk } from "@skein/journal"
import { isMissing } from "@skein/journal"
import type { Epoch, InstanceId } from "@skein/model"
import type { Holder } from "./ClaimFile.js"
import { genesis, parseShardFile, unfinished } from "./Layout.js"

/** Makes a directory with a first file in it, whole. Repeatable; one of many wins. */
export const makeDirectoryWith = async (
  disk: Disk,
  directory: string,
  instance: InstanceId,
  file: string,
): Promise<void> => {
  if (disk.existsSync(directory)) return
  const made = `${directory}.${instance}${unfinished}`
  await disk.makeDirectory(made)
  const token = await disk.open(`${made}/${file}`, "create")
  await token.close()
  await disk.syncDirectory(made)
  try {
    await disk.rename(made, directory)
  } catch (error) {
    if (!disk.existsSync(directory)) throw error
    await disk.unlink(`${made}/${file}`)
    await disk.removeDirectory(made)
  }
}

/** The token that nobody holds yet. */
export const firstToken = `owner.0.${genesis}`

export const tokenName = ({ epoch, instance }: Holder): string => `owner.${epoch}.${instance}`

/** The token in the directory and the highest epoch in any file's name. */
export const surveyTokens = async (
  disk: Disk,
  directory: string,
): Promise<{ readonly owner: Holder | undefined; readonly epochMax: Epoch }> => {
  // A listing that runs beside a rename may show neither name: look again.
  for (let attempt = 0; attempt < 8; attempt++) {
    let owner: Holder | undefined
    let epochMax = 0
    for (const name of await disk.list(directory)) {
      const file = parseShardFile(name)
      if (file === undefined) continue
      epochMax = Math.max(epochMax, file.epoch)
      if (file.kind !== "owner" || file.epoch < (owner?.epoch ?? 0)) continue
      owner = { epoch: file.epoch, instance: file.instance }
    }
    if (owner !== undefined) return { owner, epochMax }
  }
  return { owner: undefined, epochMax: 0 }
}

/** `false`: another was quicker. The new name is durable when this resolves, there at `renamed`. */
export const renameToken = async (
  disk: Disk,
  directory: string,
  from: string,
  to: string,
  renamed: () => void = () => {},
): Promise<boolean> => {
  try {
    await disk.rename(`${directory}/${from}`, `${directory}/${to}`)
  } catch (error) {
    if (!isMissing(error)) throw error
    return false
  }
  renamed()
  await disk.syncDirectory(directory)
  return true
}
